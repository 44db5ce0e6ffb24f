#include "dev_screen.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/time.h"
#include "cli/json.h"
#include "cli/text.h"
#include "dev.h"
#include "io/system_clock.h"

namespace ledger::cli {
namespace {

/// Of nodes, in turn; the supervisor's own lines are dim.
constexpr std::array<int, 6> colors = {36, 33, 32, 35, 34, 31};
constexpr size_t own_color = SIZE_MAX;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(descriptor, text.data(), text.size());
    if (wrote < 0 && errno != EINTR) return;  // There is nobody left to tell.
    if (wrote > 0) text.remove_prefix(static_cast<size_t>(wrote));
  }
}

}  // namespace

void note_ready(Context& context, const dev::Place& place, const dev::Plan& plan,
                std::optional<Duration> took) {
  // Another one may run beside it.
  const std::string program =
      place.name() == "default" ? "ledgerctl" : "ledgerctl --dev " + place.name();
  context.report.note(took ? fmt::format("cluster {} is ready at {} ({})", place.name(),
                                         plan.rpc(0), seconds_text(*took))
                           : fmt::format("cluster {} begins at {}", place.name(), plan.rpc(0)));
  context.report.note(fmt::format("status page http://{}/", plan.http(0)));
  context.report.note(
      fmt::format("try: {} {}", program, took ? "log append hello" : "health --wait"));
  context.report.note(fmt::format("try: {} dev status", program));
}

// ---- The terminal. ----

void TerminalScreen::write(size_t color, std::string_view prefix,
                           const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (context_.json()) {
      text += json::Object("log_line").add("node", prefix).add("line", line).text() + "\n";
    } else if (!context_.settings.style.color) {
      text += fmt::format("{} | {}\n", prefix, escaped(line, Escape::line));
    } else {
      const int code = color == own_color ? 2 : colors[color % colors.size()];
      text += fmt::format("\x1b[{}m{} |\x1b[0m {}\n", code, prefix, escaped(line, Escape::line));
    }
  }
  write_all(STDERR_FILENO, text);
}

void TerminalScreen::say(const std::string& line) {
  if (!context_.report.quiet()) write(own_color, "--", {line});
}

void TerminalScreen::show(size_t index, const std::string& node,
                          const std::vector<std::string>& lines) {
  write(index, node, lines);
}

/// A terminal that is held by Ctrl-S must not hold up the supervisor.
bool TerminalScreen::wants_logs() {
  if (!ready_ || context_.report.quiet()) return false;
  pollfd errors = {STDERR_FILENO, POLLOUT, 0};
  return ::poll(&errors, 1, 0) > 0;
}

void TerminalScreen::ready(const dev::ClusterState& state, std::optional<Duration> took) {
  ready_ = true;
  Result<void> printed = print_nodes(context_, place_, ask_nodes(context_, state));
  if (printed) printed = context_.out.flush();
  if (!printed) failed_ = printed.error();
  const Result<dev::Seen> seen = dev::see(place_);
  if (seen) note_ready(context_, place_, seen->plan, took);
}

void TerminalScreen::kept(const dev::Ended& ended) {
  ready_ = true;
  for (const std::string& line : ended.lines) say(ended.guilty + ": " + line);
  failed_ = ended.error;
  if (ended.error) say(ended.error->message + "; what has started is kept");
}

// ---- The verdict. ----

void VerdictScreen::say(const std::string& line) {
  write_all(STDERR_FILENO, fmt::format("{} {}\n", format_time(io::SystemClock().wall()), line));
}

void VerdictScreen::tell(const std::string& line) {
  if (pipe_ < 0) return;
  write_all(pipe_, line + "\n");
  ::close(pipe_);
  pipe_ = -1;
}

void VerdictScreen::ready(const dev::ClusterState&, std::optional<Duration> took) {
  say(took ? fmt::format("ready ({})", seconds_text(*took)) : "begun");
  tell(json::Object().add("took_ns", took ? std::optional(took->count()) : std::nullopt).text());
}

void VerdictScreen::failed(const dev::Ended& ended) {
  json::Object object;
  object.add("signal", ended.signal).add("guilty", ended.guilty);
  if (ended.error) {
    object.add("code", name(ended.error->code))
        .add("message", ended.error->message)
        .add("hint", ended.error->hint);
  }
  std::vector<std::string> lines;
  for (const std::string& line : ended.lines) lines.push_back(json::quote(line));
  tell(object.add_json("lines", json::array(lines)).text());
}

bool VerdictReader::fill() {
  char bytes[4096];
  const ssize_t count = ::read(pipe_, bytes, sizeof bytes);
  if (count < 0) return errno == EINTR;
  text_.append(bytes, static_cast<size_t>(count));
  return count > 0 && text_.find('\n') == std::string::npos;
}

std::optional<Verdict> VerdictReader::verdict() const {
  const Result<std::vector<json::Member>> members =
      json::members(std::string_view(text_).substr(0, text_.find('\n')));
  if (!members) return std::nullopt;
  Verdict verdict;
  dev::Ended ended;
  Error error;
  for (const json::Member& member : *members) {
    const auto number = [&] { return std::stoll(std::string(member.value.text)); };
    if (member.name == "took_ns") {
      if (member.value.text != "null") verdict.took = Duration(number());
      return verdict;
    }
    if (member.name == "signal") ended.signal = static_cast<int>(number());
    if (member.name == "guilty") ended.guilty = member.value.string();
    if (member.name == "code") {
      error.code = code_named(member.value.string()).value_or(Code::internal);
    }
    if (member.name == "message") error.message = member.value.string();
    if (member.name == "hint") error.hint = member.value.string();
    if (member.name == "lines") {
      for (const json::Value& line : json::elements(member.value)) {
        ended.lines.push_back(line.string());
      }
    }
  }
  if (!error.message.empty()) ended.error = error;
  verdict.ended = std::move(ended);
  return verdict;
}

}  // namespace ledger::cli
