#include "dev/place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium/crypto_hash_sha256.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/node_name.h"
#include "io/descriptor.h"
#include "io/directory_lock.h"
#include "io/system_error.h"

namespace ledger::dev {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::string> root() {
  if (const auto state = variable("XDG_STATE_HOME")) return *state + "/ledgerctl/dev";
  if (const auto home = variable("HOME")) return *home + "/.local/state/ledgerctl/dev";
  return std::nullopt;
}

bool is_file(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

/// The first 16 hex digits of the SHA-256 of the directory's real path.
std::string hash_of(const std::string& directory) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(directory, error);
  const std::string text = error ? directory : real.string();
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::string hex;
  for (size_t i = 0; i < 8; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

/// The directory, ours alone.
Result<void> make_private(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io::failed(errno, "make", path);
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return io::failed(errno, "open", path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 077) != 0) {
    return fail(Code::file_permission, fmt::format("{} is not a directory of ours alone", path),
                "set XDG_RUNTIME_DIR to a directory of yours, mode 0700");
  }
  return {};
}

}  // namespace

std::string Place::node_directory(std::string_view node) const {
  return fmt::format("{}/nodes/{}", directory_, node);
}

bool Place::exists() const {
  return is_file(plan_path());
}

Result<bool> Place::runs() const {
  const auto holder = TRY(io::DirectoryLock::holder(directory_));
  return holder.has_value();
}

Result<Place> place_named(std::string_view name) {
  if (!valid_node_name(name)) {
    return fail(Code::invalid_name, fmt::format("'{}' is not a cluster name", name),
                "[a-z0-9][a-z0-9-]{0,31}");
  }
  const std::optional<std::string> above = root();
  if (!above) {
    return fail(Code::config_invalid, "HOME is not set", "set HOME or XDG_STATE_HOME");
  }
  return Place(std::string(name), fmt::format("{}/{}", *above, name));
}

std::vector<Place> known_places() {
  std::vector<Place> places;
  const std::optional<std::string> above = root();
  if (!above) return places;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(*above, error)) {
    Place place(entry.path().filename().string(), entry.path().string());
    if (valid_node_name(place.name()) && place.exists()) places.push_back(std::move(place));
  }
  std::ranges::sort(places, {}, &Place::name);
  return places;
}

Result<std::string> make_socket_path(const Place& place) {
  std::string directory;
  if (const auto runtime = variable("XDG_RUNTIME_DIR")) {
    directory = *runtime + "/ledgerctl";
  } else {
    directory = fmt::format("{}/ledgerctl-{}", variable("TMPDIR").value_or("/tmp"), ::getuid());
  }
  TRY(make_private(directory));
  return fmt::format("{}/{}.sock", directory, hash_of(place.directory()));
}

Result<void> make_directories(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (at != std::string::npos) ++at;
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return io::failed(errno, "make", part);
    }
  }
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const io::Descriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return io::failed(errno, "open", fresh);
  while (!text.empty()) {
    const ssize_t wrote = ::write(file.get(), text.data(), text.size());
    if (wrote < 0 && errno != EINTR) return io::failed(errno, "write", fresh);
    if (wrote > 0) text.remove_prefix(static_cast<size_t>(wrote));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io::failed(errno, "rename", fresh);
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return io::failed(errno, "open", path);
  }
  std::string text;
  char bytes[4096];
  for (;;) {
    const ssize_t count = ::read(file.get(), bytes, sizeof bytes);
    if (count < 0 && errno != EINTR) return io::failed(errno, "read", path);
    if (count == 0) return text;
    if (count > 0) text.append(bytes, static_cast<size_t>(count));
  }
}

}  // namespace ledger::dev
