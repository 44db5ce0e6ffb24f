#include "offline.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "cli/files.h"
#include "io/directory_lock.h"
#include "node/identity.h"
#include "raft/configuration.h"

namespace ledger::cli {

std::string LogPath::shown(const std::string& below) const {
  return is_file() ? given : (std::filesystem::path(given) / below).string();
}

Result<LogPath> open_path(const std::string& given) {
  struct stat status = {};
  if (stat(given.c_str(), &status) != 0) return tl::unexpected(file_error(given, errno));
  LogPath path;
  path.given = given;
  if (!S_ISDIR(status.st_mode)) {
    const std::filesystem::path whole(given);
    const std::string directory = whole.has_parent_path() ? whole.parent_path().string() : ".";
    path.file = whole.filename();
    path.disk = TRY(io::PosixDisk::at(directory, io::Access::read));
    return path;
  }
  path.disk = TRY(io::PosixDisk::at(given, io::Access::read));
  // A directory whose lock can't be looked at can be read all the same.
  const auto holder = io::DirectoryLock::holder(given);
  if (!holder || !*holder) return path;
  path.running = true;
  const auto identity = node::Identity::load(*path.disk);
  path.holder = fmt::format("node{}{}", identity && *identity ? " " + (*identity)->name : "",
                            (*holder)->pid ? fmt::format(" (pid {})", *(*holder)->pid) : "");
  return path;
}

bool is_single_voter(Bytes configuration) {
  const auto decoded = raft::Configuration::decode(configuration);
  return decoded && decoded->voters() == 1;
}

Result<log::Scan> open_scan(const LogPath& path, bool all) {
  if (path.is_file()) return log::Scan::open_file(*path.disk, path.file);
  log::Scan scan = TRY(log::Scan::open(*path.disk));
  if (scan.survey().chain.links.empty()) {
    return fail(Code::no_such_file, fmt::format("{} holds no log", path.given),
                "name a node's data directory, or a segment file");
  }
  if (all || is_single_voter(scan.configuration())) scan.read_all();
  return scan;
}

void note_running(Context& context, const LogPath& path, Offset next) {
  if (!path.running) return;
  context.report.note(next.value == 0 ? fmt::format("{} is running: no record yet", path.holder)
                                      : fmt::format("{} is running: read up to record {}",
                                                    path.holder, next.value - 1));
}

Checked<const Known*> LogNames::find(const Id& id) {
  const auto found = by_id_.find(std::string(id.view()));
  return found == by_id_.end() ? nullptr : found->second.get();
}

Checked<const Known*> LogNames::find(std::string_view name) {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : found->second;
}

void LogNames::take(const RecordView& record) {
  if (record.kind == static_cast<uint8_t>(Kind::asset)) {
    if (const auto asset = book::decode_asset(record.body)) {
      scales_.try_emplace(asset->code, asset->scale);
    }
  } else if (record.kind == static_cast<uint8_t>(Kind::account)) {
    const auto account = book::decode_account(record.body);
    if (!account) return;
    std::unique_ptr<Known>& known = by_id_[std::string(account->account.view())];
    if (known) return;
    const auto scale = scales_.find(account->asset);
    known =
        std::make_unique<Known>(Known{account->account, account->name, account->asset,
                                      account->kind, scale == scales_.end() ? 0 : scale->second});
    by_name_.try_emplace(account->name, known.get());
  }
}

}  // namespace ledger::cli
