#include "cli/secrets.h"

#include <cstring>

namespace ledger::cli {
namespace {

constexpr std::string_view stars = "***";

/// Replaces what stands after `key=` up to `&` or the end.
void hide_parameter(std::string& text, size_t from) {
  constexpr std::string_view key = "password=";
  for (size_t at = text.find(key, from); at != std::string::npos; at = text.find(key, at)) {
    const size_t begin = at + key.size();
    const size_t end = std::min(text.find_first_of("& ", begin), text.size());
    if (end > begin) text.replace(begin, end - begin, stars);
    at = begin;
  }
}

}  // namespace

std::string without_passwords(std::string_view text) {
  std::string out(text);
  for (std::string_view scheme : {"postgresql://", "postgres://"}) {
    const size_t found = out.find(scheme);
    if (found == std::string::npos) continue;
    const size_t user = found + scheme.size();
    const size_t end = std::min(out.find_first_of("/?# ", user), out.size());
    const size_t at = out.rfind('@', end == 0 ? 0 : end - 1);
    const size_t colon = out.find(':', user);
    if (at != std::string::npos && at > user && colon < at) {
      if (at > colon + 1) out.replace(colon + 1, at - colon - 1, stars);
    }
    hide_parameter(out, user);
  }
  return out;
}

void hide_passwords(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const size_t room = std::strlen(argv[i]);
    std::string hidden = without_passwords({argv[i], room});
    // A password shorter than the stars: blank it all rather than lose the end of the word.
    hidden.resize(room, '\0');
    std::memcpy(argv[i], hidden.data(), room);
  }
}

}  // namespace ledger::cli
