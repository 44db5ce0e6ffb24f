// ledgerctl dev logs: what the nodes of a dev cluster have logged, from their files.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>

#include "cli/json.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "dev.h"
#include "dev/logs.h"

namespace ledger::cli {
namespace {

constexpr size_t read_bytes = 64 << 10;
constexpr std::array<int, 6> colors = {36, 33, 32, 35, 34, 31};

struct Line {
  size_t node = 0;        ///< Its place among all.
  std::string_view when;  ///< The time it begins with, or that of the line before it.
  std::string_view text;
};

/// `2026-01-01T10:00:00.123Z` at the beginning of a line; as text it sorts by time.
bool has_time(std::string_view line) {
  return line.size() > 20 && line[4] == '-' && line[10] == 'T' && line[13] == ':';
}

class Printer {
 public:
  Printer(Context& context, std::vector<std::string> names)
      : context_(context), names_(std::move(names)) {}

  Result<void> print(size_t node, std::string_view line) {
    if (context_.json()) {
      return context_.out.line(
          json::Object("log_line").add("node", names_[node]).add("line", line).text());
    }
    const std::string text = escaped(line, Escape::line);
    if (context_.out.is_terminal() && context_.settings.style.color) {
      return context_.out.line(
          fmt::format("\x1b[{}m{} |\x1b[0m {}", colors[node % colors.size()], names_[node], text));
    }
    return context_.out.line(fmt::format("{} | {}", names_[node], text));
  }

 private:
  Context& context_;
  const std::vector<std::string> names_;
};

/// The last lines of all, in the order of their times.
Result<void> print_last(const dev::Place& place, const std::vector<std::string>& nodes,
                        size_t count, Printer& printer) {
  std::vector<std::vector<std::string>> texts;
  std::vector<Line> lines;
  for (const std::string& node : nodes) {
    texts.push_back(dev::last_lines(place.node_log(node), count));
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string_view when;
    for (const std::string& text : texts[i]) {
      if (has_time(text)) when = std::string_view(text).substr(0, text.find(' '));
      lines.push_back({i, when, text});
    }
  }
  std::ranges::stable_sort(lines, {}, &Line::when);
  for (const Line& line : lines) TRY(printer.print(line.node, line.text));
  return {};
}

Outcome follow(Context& context, const dev::Place& place, const std::vector<std::string>& nodes,
               size_t count, Printer& printer) {
  dev::FileWatch watch;
  std::vector<dev::LogReader> readers;
  for (const std::string& node : nodes) {
    watch.add(place.node_log(node));
    readers.emplace_back(place.node_log(node), dev::LogReader::From::end);
  }
  TRY(print_last(place, nodes, count, printer));
  while (stop_signal() == 0) {
    watch.clear();
    for (size_t i = 0; i < readers.size(); ++i) {
      for (auto lines = readers[i].take(read_bytes); !lines.empty();
           lines = readers[i].take(read_bytes)) {
        for (const std::string& line : lines) TRY(printer.print(i, line));
      }
    }
    TRY(context.out.flush());
    pollfd ready[] = {{watch.descriptor(), POLLIN, 0}, {stop_descriptor(), POLLIN, 0}};
    ::poll(ready, 2, -1);
  }
  return 0;
}

Outcome logs(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  const dev::Seen seen = TRY(dev::see(place));
  size_t count = 50;
  if (const auto text = context.args.value("-n")) {
    count = static_cast<size_t>(TRY(parse_count("-n", *text, 1'000'000)));
  }
  std::vector<std::string> nodes = context.args.arguments();
  for (const std::string& node : nodes) {
    if (std::ranges::find(seen.plan.nodes, node) != seen.plan.nodes.end()) continue;
    return tl::unexpected<Error>(no_such_node(node, seen.plan.nodes));
  }
  if (nodes.empty()) nodes = seen.plan.nodes;
  Printer printer(context, nodes);
  if (context.args.has("--follow")) {
    catch_stop_signals();
    return follow(context, place, nodes, count, printer);
  }
  TRY(print_last(place, nodes, count, printer));
  return 0;
}

}  // namespace

Command dev_logs_command() {
  return {.path = "dev logs",
          .summary = "Show what nodes have logged",
          .synopsis = "[NODE…] [-f] [-n 50]",
          .examples = {"ledgerctl dev logs", "ledgerctl dev logs n2 -f"},
          .flags = {{"--follow", "", "go on with what is logged later", 'f'},
                    {"-n", "N", "so many last lines of each node (default 50)"}},
          .arguments = {"NODE", 0, dev::nodes_max},
          .exits = {{66, "no_such_dev, no_such_node"}},
          .notes = "Reads files, so it works for a cluster that is down too.",
          .target = Target::none,
          .deadline = Deadline::none,
          .run = logs};
}

}  // namespace ledger::cli
