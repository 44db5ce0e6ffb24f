#include "offline.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "cli/files.h"
#include "io/directory_lock.h"
#include "log/damage.h"
#include "node/identity.h"
#include "raft/configuration.h"

namespace ledger::cli {

std::string LogPath::shown(const std::string& below) const {
  return is_file() ? given : (std::filesystem::path(given) / below).string();
}

std::string LogPath::data_directory() const {
  if (!is_file()) return given;
  const std::filesystem::path segments = std::filesystem::path(given).parent_path();
  if (segments.filename() != "segments") return std::string(log::directory_hole);
  const std::filesystem::path data = segments.parent_path();
  return data.empty() ? "." : data.string();
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

Failure located(const LogPath& path, Failure failure) {
  Error& error = failure;
  if (path.is_file()) {
    if (error.message.starts_with(path.file))
      error.message.replace(0, path.file.size(), path.given);
    Error hinted = log::located({error.code, path.given, error.hint}, path.data_directory(),
                                log::Told::reader);
    error.hint = std::move(hinted.hint);
    return failure;
  }
  error = log::located(std::move(error), path.given, log::Told::reader);
  return failure;
}

bool is_single_voter(Bytes configuration) {
  const auto decoded = raft::Configuration::decode(configuration);
  return decoded && decoded->voters() == 1;
}

Result<log::Scan> open_scan(const LogPath& path, bool all) {
  if (path.is_file()) return log::Scan::open_file(*path.disk, path.file);
  Result<log::Scan> opened = log::Scan::open(*path.disk);
  if (!opened) return tl::unexpected(located(path, std::move(opened).error()));
  log::Scan scan = *std::move(opened);
  if (scan.survey().chain.links.empty()) {  // A vote copy says that there was one.
    return tl::unexpected(located(path, scan.survey().damages.front().error));
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
