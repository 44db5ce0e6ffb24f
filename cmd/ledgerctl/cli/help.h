// Help, made from the table of commands.
#pragma once

#include <string>

#include "cli/command.h"

namespace ledger::cli {

/// Help of the whole program, of a noun, or of one command: a sentence, examples, then flags, then
/// the exit codes special to it.
std::string program_help();
std::string noun_help(const Noun& noun);
std::string command_help(const Command& command);

/// One `command` line of JSON for each command.
std::string help_json();

/// What `help exit-codes|output|environment` says; empty for another topic.
std::string_view help_topic(std::string_view name);

}  // namespace ledger::cli
