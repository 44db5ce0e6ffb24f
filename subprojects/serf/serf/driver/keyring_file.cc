#include "serf/driver/keyring_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "serf/core/internal_queries.h"
#include "serf/driver/sockets.h"
#include "serf/wire/try.h"

namespace serf {
namespace {

/// Hundreds of keys; a ring has two or three.
constexpr size_t file_bytes_max = 65'536;

tl::unexpected<Error> io_error(const std::string& path, const char* call) {
  const bool denied = errno == EACCES || errno == EPERM;
  return fail(denied ? Code::denied : Code::io,
              path + ": " + call + ": " + std::generic_category().message(errno));
}

Result<std::vector<std::string>> texts_of(const std::string& text) {
  std::vector<std::string> texts;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return fail(Code::invalid, "holds no key");
  if (text[first] != '[') {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (!line.empty()) texts.push_back(std::move(line));
    }
    return texts;
  }
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return fail(Code::invalid, "not a JSON list of keys");
  for (const auto& item : json) {
    if (!item.is_string()) return fail(Code::invalid, "not a JSON list of texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

/// Never quotes what it reads: it is secret.
Result<wire::KeyRing> parse(const std::string& text) {
  std::vector<std::string> keys;
  for (const std::string& one : SERF_TRY(texts_of(text))) {
    keys.push_back(SERF_TRY(from_base64(one)));
  }
  if (keys.empty()) return fail(Code::invalid, "holds no key");
  return wire::KeyRing::of(keys);
}

}  // namespace

Result<wire::KeyRing> load_keyring(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.open()) return io_error(path, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return io_error(path, "stat");
  if ((status.st_mode & 077) != 0) {
    return fail(Code::denied, path + ": others can read the keys; chmod 600 it");
  }
  std::string text(file_bytes_max, '\0');
  const ssize_t bytes = ::read(fd.get(), text.data(), text.size());
  if (bytes < 0) return io_error(path, "read");
  text.resize(static_cast<size_t>(bytes));
  Result<wire::KeyRing> ring = parse(text);
  if (!ring) ring.error().message.insert(0, path + ": ");
  return ring;
}

Result<void> save_keyring(const std::string& path, const std::vector<std::string>& keys) {
  nlohmann::json json = nlohmann::json::array();
  for (const std::string& key : keys) json.push_back(base64(key));
  const std::string text = json.dump(2) + "\n";
  const std::string fresh = path + ".new";
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.open()) return io_error(fresh, "open");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return io_error(fresh, "write");
  }
  if (::fsync(fd.get()) != 0) return io_error(fresh, "fsync");
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error(path, "rename");
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || ::fsync(directory.get()) != 0) return io_error(folder, "fsync");
  return {};
}

}  // namespace serf
