// Reading a log without a node: a data directory, or one segment file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "cli/context.h"
#include "io/posix_disk.h"
#include "log/scan.h"
#include "names.h"

namespace ledger::cli {

/// What a PATH on the line stands for.
struct LogPath {
  std::unique_ptr<io::PosixDisk> disk;
  std::string given;
  std::string file;      ///< Below the disk's root, where PATH is one segment file; else empty.
  bool running = false;  ///< Somebody holds the directory's lock.
  std::string holder;    ///< `node n1 (pid 4711)`, where `running`.

  bool is_file() const { return !file.empty(); }
  /// As it is shown: the path as given, and what is below it.
  std::string shown(const std::string& below) const;
  /// The data directory, also of a segment file in one.
  std::string data_directory() const;
};

/// Errors: `no_such_file`, `file_permission`, `io`.
Result<LogPath> open_path(const std::string& given);

/// An error about the log at `path`, in the words of who named it: with the path as given, and with
/// a command that can be typed.
Failure located(const LogPath& path, Failure failure);

/// A scan of all that may be read: up to the stored commit index, of a single voter and of a single
/// file everything whole. `all` takes the rest too.
Result<log::Scan> open_scan(const LogPath& path, bool all);
/// Whether an encoded configuration has one voter: then everything whole in its log counts.
bool is_single_voter(Bytes configuration);

/// Says up to which record the log of a running node was read.
void note_running(Context& context, const LogPath& path, Offset next);

/// Accounts as the records that have gone by define them.
class LogNames : public Names {
 public:
  Checked<const Known*> find(const Id& id) override;
  Checked<const Known*> find(std::string_view name) override;
  /// Remembers what a record of an asset or an account says. A first definition stands.
  void take(const RecordView& record);

 private:
  std::unordered_map<std::string, std::unique_ptr<Known>> by_id_;
  std::unordered_map<std::string, const Known*> by_name_;
  std::unordered_map<std::string, unsigned> scales_;
};

}  // namespace ledger::cli
