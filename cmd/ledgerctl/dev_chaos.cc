// ledgerctl dev partition, heal: nodes that can't hear each other, without root.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/text.h"
#include "dev.h"

namespace ledger::cli {
namespace {

using Group = std::vector<std::string>;

std::string joined(const Group& group) {
  std::string text;
  for (const std::string& name : group) text += (text.empty() ? "" : ",") + name;
  return text;
}

/// The nodes that `n1,n2` or `leader` mean. No node may be in two groups.
Checked<std::vector<Group>> read_groups(Context& context, const dev::Place& place,
                                        const dev::Plan& plan) {
  std::vector<Group> groups;
  Group all;
  for (const std::string& text : context.args.arguments()) {
    Group words;
    for (std::string_view rest = text; !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      words.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    groups.push_back(TRY(resolve_nodes(context, place, words)));
    for (const std::string& name : groups.back()) {
      if (std::ranges::find(all, name) != all.end()) {
        return fail(Code::usage, fmt::format("{} is in two groups", name),
                    "a node is on one side only");
      }
      all.push_back(name);
    }
  }
  Group rest;
  for (const std::string& name : plan.nodes) {
    if (std::ranges::find(all, name) == all.end()) rest.push_back(name);
  }
  if (groups.size() == 1) groups.push_back(rest);
  if (groups.back().empty()) {
    return fail(Code::usage, fmt::format("there is nobody to cut {} off from", joined(all)),
                "name some of the nodes");
  }
  return groups;
}

Outcome partition(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  const dev::Seen seen = TRY(dev::see(place));
  const std::vector<Group> groups = TRY(read_groups(context, place, seen.plan));
  const bool one_way = context.args.has("--one-way");
  dev::Request request{
      .kind = dev::Request::Kind::partition,
      .patience = context.settings.timeout(Deadline::ordinary).value_or(Duration(0))};
  Group names;
  std::string text;
  for (const Group& mine : groups) {
    text += (text.empty() ? "" : " | ") + joined(mine);
    names.insert(names.end(), mine.begin(), mine.end());
    for (const Group& other : groups) {
      if (&mine == &other) continue;
      // Both sides know: who sends what comes in by TCP can't be seen.
      const bool first = &mine == &groups.front();
      if (one_way && !first && &other != &groups.front()) continue;
      for (const std::string& one : mine) {
        for (const std::string& another : other) {
          request.cuts[one].push_back((!one_way ? "" : first ? "to " : "from ") + another);
        }
      }
    }
  }
  const dev::ClusterState state = TRY(dev::ask(place, request));
  if (context.json()) {
    TRY(print_changed(context, place, state, names));
  } else {
    TRY(context.out.line(text));
  }
  return 0;
}

Outcome heal(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  const dev::Seen seen = TRY(dev::see(place));
  Group names;
  for (const dev::NodeState& node : seen.state.nodes) {
    if (!node.partitioned_from.empty() || node.state == dev::State::paused) {
      names.push_back(node.name);
    }
  }
  const dev::ClusterState state = TRY(dev::ask(
      place, {.kind = dev::Request::Kind::heal,
              .patience = context.settings.timeout(Deadline::ordinary).value_or(Duration(0))}));
  TRY(print_changed(context, place, state, names));
  if (names.empty()) context.report.note("no node is cut off, and none stands still");
  return 0;
}

}  // namespace

std::vector<Command> dev_chaos_commands() {
  return {
      {.path = "dev partition",
       .summary = "Cut nodes off from each other; clients still reach all of them",
       .synopsis = "GROUP… [--one-way]",
       .examples = {"ledgerctl dev partition leader", "ledgerctl dev partition n1,n2 n3",
                    "ledgerctl dev partition n1 --one-way"},
       .flags = {{"--one-way", "", "the first group is not heard by the others, but hears them"}},
       .arguments = {"GROUP", 1, dev::nodes_max},
       .exits = {{66, "no_such_node, no_such_dev"}},
       .notes =
           "A GROUP is nodes separated by commas: names, leader, followers, any-follower. One\n"
           "group means: against the rest. It takes the place of an earlier partition, and\n"
           "stays when nodes are started again, until 'dev heal'.",
       .target = Target::none,
       .run = partition},
      {.path = "dev heal",
       .summary = "End all partitions, and let nodes that stand still go on",
       .examples = {"ledgerctl dev heal", "ledgerctl dev heal && ledgerctl health --wait"},
       .exits = {{66, "no_such_dev"}},
       .notes = "Prints the nodes that were cut off or stood still.",
       .target = Target::none,
       .run = heal}};
}

}  // namespace ledger::cli
