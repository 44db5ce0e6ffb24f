// A log that tells when a read of it meets damage.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "log/log.h"

namespace ledger::node {

/// Passes everything on, and tells `damaged` of each read that met damage, whoever read: it gets an
/// error, and never other data, and the node is to mend. Writes that fail are nothing of this.
///
/// Threads: as the log's; `damaged` is called from any.
class WatchedLog final : public log::Log {
 public:
  using Damaged = std::function<void(const Error&)>;

  WatchedLog(std::unique_ptr<log::Log> log, Damaged damaged)
      : log_(std::move(log)), damaged_(std::move(damaged)) {}

  const log::Recovered& recovered() const override { return log_->recovered(); }
  void forget_entries() override { log_->forget_entries(); }
  Index last_index() const override { return log_->last_index(); }
  Term last_term() const override { return log_->last_term(); }
  Offset next_offset() const override { return log_->next_offset(); }
  Time last_recorded() const override { return log_->last_recorded(); }
  Index synced_index() const override { return log_->synced_index(); }
  Term term(Index index) const override { return log_->term(index); }
  uint64_t cuts() const override { return log_->cuts(); }
  Result<void> has_room(uint64_t bytes) const override { return log_->has_room(bytes); }
  Result<void> reserve(uint64_t bytes) override { return log_->reserve(bytes); }
  std::optional<Error> no_space() const override { return log_->no_space(); }
  bool waits_for_room() const override { return log_->waits_for_room(); }
  Result<void> append(std::span<const Entry> entries) override { return log_->append(entries); }
  void save_vote(const Vote& vote) override { log_->save_vote(vote); }
  void set_committed(Index index) override { log_->set_committed(index); }
  void save_idle() override { log_->save_idle(); }
  Result<log::Synced> drain() override { return log_->drain(); }
  bool has_writes() const override { return log_->has_writes(); }
  bool has_preparation() const override { return log_->has_preparation(); }
  Result<std::vector<Entry>> read(Index from, Index end, size_t bytes_max) const override {
    return watch(log_->read(from, end, bytes_max));
  }
  Result<std::vector<Entry>> read_at(Offset from, Index end, size_t bytes_max) const override {
    return watch(log_->read_at(from, end, bytes_max));
  }
  Result<Offset> find(Time time, Index end) const override { return watch(log_->find(time, end)); }
  std::pair<uint64_t, uint64_t> size() const override { return log_->size(); }

 private:
  template <class T>
  Result<T> watch(Result<T> read) const {
    if (!read && is_damage(read.error())) damaged_(read.error());
    return read;
  }
  static bool is_damage(const Error& error) {
    return error.code == Code::corrupt_segment || error.code == Code::offset_gap ||
           error.code == Code::io;
  }

  const std::unique_ptr<log::Log> log_;
  const Damaged damaged_;
};

}  // namespace ledger::node
