#include "io/path.h"

#include <fmt/format.h>

namespace ledger::io {

Result<void> check_path(std::string_view path) {
  const auto refuse = [&] {
    return fail(Code::file_permission, fmt::format("'{}' is no path below the directory", path));
  };
  if (path.find('\0') != path.npos) return refuse();
  std::string_view rest = path;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return refuse();
    if (slash == rest.npos) break;
    rest.remove_prefix(slash + 1);
    if (rest.empty()) return refuse();
  }
  return {};
}

std::pair<std::string, std::string> split_path(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

tl::unexpected<Error> failed(Code code, std::string_view call, std::string_view path,
                             std::string_view cause) {
  return fail(code, fmt::format("{} of {}: {}", call, path.empty() ? "." : path, cause));
}

}  // namespace ledger::io
