// Passwords in database URLs: never shown, not even by ps.
#pragma once

#include <string>
#include <string_view>

namespace ledger::cli {

/// `postgresql://ann:secret@db/app?password=x` with both passwords as `***`. Other text unchanged.
std::string without_passwords(std::string_view text);

/// Writes argv again in place, each word by `without_passwords` as far as it has room.
void hide_passwords(int argc, char** argv);

}  // namespace ledger::cli
