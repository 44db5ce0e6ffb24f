#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"

namespace ledger::cli {
namespace {

std::string label(const Flag& flag) {
  const std::string letter = flag.letter                   ? fmt::format("-{}, ", flag.letter)
                             : flag.name.starts_with("--") ? "    "
                                                           : "";
  return fmt::format("{}{}{}{}", letter, flag.name, flag.value.empty() ? "" : " ", flag.value);
}

std::string flag_lines(const std::vector<Flag>& flags) {
  size_t width = 0;
  for (const Flag& flag : flags) width = std::max(width, label(flag).size());
  std::string out;
  for (const Flag& flag : flags)
    out += fmt::format("  {:<{}}  {}\n", label(flag), width, flag.text);
  return out;
}

std::string example_lines(const std::vector<std::string_view>& examples) {
  std::string out = "\nExamples:\n";
  for (std::string_view example : examples) out += fmt::format("  {}\n", example);
  return out;
}

std::string two_columns(const std::vector<std::pair<std::string, std::string_view>>& rows) {
  size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, left.size());
  std::string out;
  for (const auto& [left, right] : rows) out += fmt::format("  {:<{}}  {}\n", left, width, right);
  return out;
}

constexpr size_t noun_width = 10;
constexpr size_t line_width = 80;

/// The verbs of a noun, below its summary.
std::string verb_lines(const Noun& noun) {
  const std::string indent(noun_width + 4, ' ');
  std::string out;
  std::string line;
  for (const Command& command : noun.commands) {
    const std::string verb(command.path.substr(noun.name.size() + 1));
    if (!line.empty() && line.size() + 1 + verb.size() > line_width) {
      out += line + "\n";
      line.clear();
    }
    line += (line.empty() ? indent : " ") + verb;
  }
  return out + line + "\n";
}

std::string usage(const Command& command) {
  return fmt::format("ledgerctl {}{}{}", command.path, command.synopsis.empty() ? "" : " ",
                     command.synopsis);
}

}  // namespace

std::string program_help() {
  std::string out = "Money on a replicated log: one program is client, node and offline tool.\n";
  out += example_lines({"ledgerctl dev up -d", "ledgerctl log append hello",
                        "ledgerctl replay run sqlite:books.db --verify"});
  out += "\nCommands:\n";
  for (const Noun& noun : tree()) {
    out += fmt::format("  {:<{}}  {}\n", noun.name, noun_width, noun.summary);
    if (noun.has_verbs()) out += verb_lines(noun);
  }
  out += "\nFlags of every command:\n" + flag_lines(global_flags());
  out +=
      "\nMore: 'ledgerctl help NOUN [VERB]', 'ledgerctl help exit-codes', 'ledgerctl help "
      "output',\n"
      "'ledgerctl help environment', and the manual pages ledgerctl(1) and ledger(7).\n";
  return out;
}

std::string noun_help(const Noun& noun) {
  if (!noun.has_verbs()) return command_help(noun.commands[0]);
  std::string out = fmt::format("{}.\n", noun.summary);
  std::vector<std::string_view> examples;
  std::vector<std::pair<std::string, std::string_view>> rows;
  for (const Command& command : noun.commands) {
    examples.push_back(command.examples[0]);
    rows.emplace_back(std::string(command.path), command.summary);
  }
  out += example_lines(examples);
  out += "\nCommands:\n" + two_columns(rows);
  out += fmt::format("\nMore: 'ledgerctl help {} VERB'.\n", noun.name);
  return out;
}

std::string command_help(const Command& command) {
  std::string out = fmt::format("{}.\n", command.summary);
  out += example_lines(command.examples);
  out += fmt::format("\nUsage:\n  {}\n", usage(command));
  if (!command.notes.empty()) out += fmt::format("\n{}\n", command.notes);
  if (!command.flags.empty()) out += "\nFlags:\n" + flag_lines(command.flags);
  if (!command.exits.empty()) {
    out += "\nExit codes:\n";
    for (const Exit& exit : command.exits)
      out += fmt::format("  {:<3}  {}\n", exit.code, exit.text);
  }
  out +=
      "\nFlags of every command: 'ledgerctl help'. All exit codes: 'ledgerctl help exit-codes'.\n";
  return out;
}

std::string help_json() {
  std::string out;
  for (const Noun& noun : tree()) {
    for (const Command& command : noun.commands) {
      std::vector<std::string> names;
      std::vector<std::string> details;
      for (const Flag& flag : command.flags) {
        names.push_back(json::quote(flag.name));
        json::Object detail;
        detail.add("name", flag.name);
        if (flag.letter) detail.add("letter", std::string(1, flag.letter));
        if (!flag.value.empty()) detail.add("value", flag.value);
        details.push_back(detail.add("text", flag.text).text());
      }
      std::vector<int> codes = {0, 64, 69, 70};
      std::vector<std::string> exits;
      std::vector<std::string> special;
      for (const Exit& exit : command.exits) {
        if (std::ranges::find(codes, exit.code) == codes.end()) codes.push_back(exit.code);
        special.push_back(json::Object().add("code", exit.code).add("text", exit.text).text());
      }
      std::ranges::sort(codes);
      for (int code : codes) exits.push_back(std::to_string(code));
      std::vector<std::string> examples;
      for (std::string_view example : command.examples) examples.push_back(json::quote(example));
      json::Object object("command");
      object.add("path", command.path)
          .add("summary", command.summary)
          .add("stage", 1)
          .add_json("flags", json::array(names))
          .add_json("exits", json::array(exits))
          .add("usage", usage(command))
          .add_json("examples", json::array(examples))
          .add_json("flag_details", json::array(details))
          .add_json("exit_details", json::array(special));
      if (!command.notes.empty()) object.add("notes", command.notes);
      out += object.text() + "\n";
    }
  }
  return out;
}

}  // namespace ledger::cli
