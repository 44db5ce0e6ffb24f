#include "cli/failure.h"

namespace ledger::cli {

std::string_view usual_hint(Code code) {
  switch (code) {
    case Code::no_such_file:
      return "look at the path";
    case Code::file_permission:
      return "look at owner and mode of the file and its directories, and at how it is mounted";
    case Code::output_exists:
      return "choose another name, or move away what is there";
    case Code::no_space:
      return "free space there, then repeat";
    case Code::io:
      return "check the disk and its file system (dmesg), then repeat";
    case Code::corrupt_segment:
    case Code::offset_gap:
      return "ledgerctl segment verify says where the damage is";
    case Code::out_of_range:
      return "ledgerctl log status says which offsets there are";
    case Code::internal:
      return "report this with the command, ledgerctl version, and what -vv adds";
    case Code::format_too_new:
    case Code::schema_too_new:
    case Code::rules_too_new:
    case Code::protocol_mismatch:
      return "upgrade ledgerctl";
    default:
      break;
  }
  switch (exit_code(code)) {
    case 64:
      return "ledgerctl help says how commands are written";
    case 69:
      return "nothing was written: repeat it, with a longer --timeout perhaps";
    case 75:
      return "repeat it with the same --id: that is safe";
    default:
      return "ledgerctl help exit-codes says what the exit code means";
  }
}

}  // namespace ledger::cli
