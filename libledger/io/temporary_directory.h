// A directory for the time of a test.
#pragma once

#include <cassert>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace ledger::io {

/// A new, empty directory below $TMPDIR or /tmp, which goes with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_((std::filesystem::temp_directory_path() / "ledger-XXXXXX").string()) {
    [[maybe_unused]] const char* made = ::mkdtemp(path_.data());
    assert(made != nullptr);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;  // What cannot be removed stays in /tmp.
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ledger::io
