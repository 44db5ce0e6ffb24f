#include "cli/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/text.h"

namespace ledger::cli {
namespace {

constexpr size_t small_file_bytes_max = 1 << 20;

}  // namespace

Error file_error(const std::string& path, int error_number) {
  const std::string name = escaped(path, Escape::line);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {Code::no_such_file, fmt::format("no file '{}'", name), "look at the path"};
    case EACCES:
    case EPERM:
      return {Code::file_permission, fmt::format("{}: permission denied", name),
              "look at the owner and mode of the file and its directories"};
    default:
      return {Code::io, fmt::format("{}: {}", name, std::strerror(error_number)),
              "look at the disk"};
  }
}

Result<std::string> read_small_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return tl::unexpected(file_error(path, errno));
  std::string text(small_file_bytes_max + 1, '\0');
  size_t have = 0;
  ssize_t got = 0;
  while (have < text.size() && (got = read(file, text.data() + have, text.size() - have)) > 0) {
    have += static_cast<size_t>(got);
  }
  const int error = errno;
  close(file);
  if (got < 0) return tl::unexpected(file_error(path, error));
  if (have > small_file_bytes_max) {
    return fail(Code::too_large, fmt::format("{} is larger than 1 MiB", path), "name another file");
  }
  text.resize(have);
  return text;
}

}  // namespace ledger::cli
