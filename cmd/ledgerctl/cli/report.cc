#include "cli/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/json.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

constexpr auto line_interval = std::chrono::seconds(10);
constexpr auto bar_interval = std::chrono::milliseconds(100);

std::string_view hint_of(const Failure& failure) {
  return failure.hint.empty() ? usual_hint(failure.code) : std::string_view(failure.hint);
}

std::string error_json(const Failure& failure) {
  json::Object object("error");
  object.add("code", failure.code_name())
      .add("exit", exit_code(failure.code))
      .add("retryable", retryable(failure.code))
      .add("message", failure.message);
  object.add("hint", hint_of(failure));
  if (!failure.tried.empty()) {
    std::vector<std::string> endpoints;
    for (const Tried& tried : failure.tried) {
      endpoints.push_back(
          json::Object().add("address", tried.address).add("result", tried.result).text());
    }
    object.add_json("endpoints", json::array(endpoints));
  }
  std::string text = object.text();
  text.insert(text.size() - 1, failure.members);
  return text;
}

}  // namespace

void Report::write(std::string text, bool is_bar) {
  const std::lock_guard lock(mutex_);
  if (bar_) text.insert(0, "\r\x1b[K");
  bar_ = is_bar;
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t wrote = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (wrote < 0 && errno != EINTR) return;  // There is nobody left to tell.
    if (wrote > 0) rest.remove_prefix(static_cast<size_t>(wrote));
  }
}

void Report::error(const Failure& failure) {
  if (style_.json) {
    write(error_json(failure) + "\n");
  } else {
    std::string text =
        fmt::format("ledgerctl: {}error:{} {}\n", style_.color ? "\x1b[31m" : "",
                    style_.color ? "\x1b[0m" : "", escaped(failure.message, Escape::line));
    if (failure.tried.size() > 1) {
      text += "  tried: ";
      for (size_t i = 0; i < failure.tried.size(); ++i) {
        if (i > 0) text += "; ";
        text += failure.tried[i].address + " " + failure.tried[i].result;
      }
      text += '\n';
    }
    text += fmt::format("  hint: {}\n", escaped(hint_of(failure), Escape::line));
    write(text);
  }
  if (!failure.detail.empty()) debug(failure.detail, 2);
}

void Report::say(std::string_view level, std::string_view message) {
  if (style_.quiet) return;
  if (style_.json) {
    write(json::Object("note").add("level", level).add("message", message).text() + "\n");
  } else {
    const bool warn = style_.color && level == "warning";
    write(fmt::format("ledgerctl: {}{}:{} {}\n", warn ? "\x1b[33m" : "", level,
                      warn ? "\x1b[0m" : "", escaped(message, Escape::line)));
  }
}

void Report::debug(std::string_view message, int level) {
  if (style_.verbose >= level) say("debug", message);
}

void Report::progress(const Progress& progress, uint64_t began_at) {
  if (style_.quiet) return;
  const auto now = std::chrono::steady_clock::now();
  if (job_began_ == std::chrono::steady_clock::time_point()) {
    job_began_ = last_progress_ = now;
  }
  const bool bar = !style_.json && isatty(STDERR_FILENO) == 1;
  if (now - last_progress_ < (bar ? std::chrono::nanoseconds(bar_interval) : line_interval)) return;
  last_progress_ = now;

  const double elapsed = std::chrono::duration<double>(now - job_began_).count();
  const auto per_second = static_cast<uint64_t>(static_cast<double>(progress.done - began_at) /
                                                std::max(elapsed, 1e-3));
  const uint64_t left = progress.total > progress.done ? progress.total - progress.done : 0;
  const uint64_t eta_ms = per_second == 0 ? 0 : left * 1000 / per_second;
  if (style_.json) {
    json::Object object("progress");
    object.add("job", progress.job).add("done", progress.done);
    if (progress.total > 0) object.add("total", progress.total);
    object.add("per_second", per_second);
    if (progress.total > 0) object.add("eta_ms", eta_ms).add("lag", left);
    write(object.text() + "\n");
    return;
  }
  std::string text = fmt::format("{}{}{}: {}", progress.job, progress.name.empty() ? "" : " ",
                                 progress.name, progress.done);
  if (progress.total > 0) {
    text += fmt::format("/{} ({}%)", progress.total, progress.done * 100 / progress.total);
  }
  text += fmt::format(" {}/s", per_second);
  if (progress.total > 0) text += fmt::format(" eta {}s lag {}", (eta_ms + 999) / 1000, left);
  if (!bar) return write(text + "\n");
  write(text, true);
}

void Report::end_progress() {
  const bool stands = [this] {
    const std::lock_guard lock(mutex_);
    return bar_;
  }();
  if (stands) write("");
}

}  // namespace ledger::cli
