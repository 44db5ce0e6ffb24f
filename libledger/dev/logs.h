// The logs of nodes: files that the nodes themselves write, here only read, followed and rotated.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "io/descriptor.h"

namespace ledger::dev {

/// From this size on a log is moved aside; two older ones are kept.
constexpr uint64_t log_bytes_max = 10 << 20;

/// Opens a log for a node to append to. Errors: `file_permission`, `io`, `no_space`.
Result<io::Descriptor> open_log(const std::string& path);

/// Where the log is larger than that: copies it to `path.1`, the one before to `path.2`, and cuts
/// it to nothing in place, since the node has it open.
void rotate_log(const std::string& path, uint64_t bytes_max = log_bytes_max);

/// The last lines of a log and the ones before it, the oldest first; none where there is no file.
std::vector<std::string> last_lines(const std::string& path, size_t count);

/// Reads what is appended to a file from now on, or from its beginning, whole lines at a time.
class LogReader {
 public:
  enum class From : uint8_t { start, end };
  LogReader(std::string path, From from);

  /// The lines that have come; about `bytes_max` together. The file may begin anew at any time.
  std::vector<std::string> take(size_t bytes_max);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  uint64_t position_ = 0;
  std::string rest_;  ///< Of a line without its end.
};

/// A descriptor that becomes readable when one of some files has changed.
class FileWatch {
 public:
  FileWatch();
  void add(const std::string& path);
  int descriptor() const { return watch_.get(); }
  /// Forgets what has changed so far.
  void clear();

 private:
  io::Descriptor watch_;
};

}  // namespace ledger::dev
