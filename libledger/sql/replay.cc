#include "sql/replay.h"

#include <algorithm>
#include <cassert>

#include "sql/projection.h"
#include "sql/session.h"
#include "sql/walk.h"

namespace ledger::sql {
namespace {

/// While following: a batch is written so long after its first record came, and the caller is asked
/// to stop so often.
constexpr Duration batch_wait{50'000'000};
constexpr Duration idle_wait{250'000'000};

std::string range(Offset from, Offset to) {
  return std::to_string(from.value) + ".." + std::to_string(to.value);
}

/// Where a run begins and ends, by the source as it is when the run starts.
struct Bounds {
  Offset end;                  ///< Of the source.
  std::optional<Offset> from;  ///< As asked.
  std::optional<Offset> to;    ///< Exclusive; nothing: follows, until `until` if that is set.
  std::optional<Time> until;   ///< A time that the log has not reached.
};

Result<Offset> resolve(history::Source& source, const Position& position, Offset end) {
  if (const Time* time = std::get_if<Time>(&position)) return source.find(*time);
  const Offset offset = std::get<Offset>(position);
  if (offset > end) {
    return fail(Code::out_of_range,
                "offset " + std::to_string(offset.value) + " is past the end (next is " +
                    std::to_string(end.value) + ")",
                "0 to " + std::to_string(end.value));
  }
  return offset;
}

Result<Bounds> find_bounds(history::Source& source, const Job& job) {
  Bounds out;
  out.end = TRY(source.end());
  if (job.from) out.from = TRY(resolve(source, *job.from, out.end));
  if (!job.to) {
    if (!job.follow) out.to = out.end;
  } else if (const Offset* offset = std::get_if<Offset>(&*job.to); offset && job.follow) {
    out.to = *offset;
  } else {
    out.to = TRY(resolve(source, *job.to, out.end));
    if (job.follow && *out.to == out.end) {  // Nothing is as late as that yet.
      out.until = std::get<Time>(*job.to);
      out.to.reset();
    }
  }
  if (out.from && out.to && *out.to < *out.from) {
    return fail(Code::invalid_value,
                "--to " + std::to_string(out.to->value) + " is before --from " +
                    std::to_string(out.from->value),
                "--to is exclusive and not below --from");
  }
  return out;
}

/// What was asked of a target that is made now must be true of one that is there.
Result<void> check_job(const Job& job, const Bounds& bounds, const Target& target,
                       const Watermark& watermark) {
  if (bounds.from && *bounds.from != watermark.next_offset) {
    return fail(Code::invalid_value,
                "--from " + std::to_string(bounds.from->value) + ": " + target.display() +
                    " is at " + std::to_string(watermark.next_offset.value),
                "leave --from out to go on");
  }
  if (job.raw && !watermark.raw) {
    return fail(Code::invalid_value, "--raw: " + target.display() + " was made without it",
                "another target, or --rebuild --yes");
  }
  if (job.amounts && watermark.amounts != Amounts::numeric && *job.amounts != watermark.amounts) {
    return fail(Code::invalid_value,
                "--sqlite-amounts " + std::string(name(*job.amounts)) + ": " + target.display() +
                    " has " + std::string(name(watermark.amounts)) + " amounts",
                "another target, or --rebuild --yes");
  }
  return {};
}

/// Writes all rows of a batch, within a transaction.
Result<void> write_rows(Target& target, const Batch& batch) {
  for (const Rows& rows : batch.rows) {
    if (rows.table == &table(TableName::balances)) {
      TRY(target.merge(rows));
    } else {
      TRY(target.insert(rows));
    }
  }
  return {};
}

class Run {
 public:
  Run(history::Source& source, const Job& job, Bounds bounds)
      : source_(source), job_(job), bounds_(bounds), rebuild_(job.rebuild) {}

  Result<Summary> run();

 private:
  enum class After : uint8_t {
    done,
    stopped,
    again,  ///< Somebody else moved the watermark: read it again.
  };

  Result<After> attempt();
  Result<bool> start();
  Result<bool> make();
  Result<void> fold_to(Offset from);
  Result<After> stream();
  Result<bool> refill(Walk& walk);
  Result<bool> flush();
  bool may_try_again(const Error& error);
  Duration patience() const;
  bool reached_end() const { return bounds_.to && projection_->next_offset() >= *bounds_.to; }

  history::Source& source_;
  const Job& job_;
  Bounds bounds_;
  bool rebuild_;  ///< Still to be done.
  std::unique_ptr<Target> target_;
  std::optional<Projection> projection_;
  std::optional<uint64_t> total_;
  std::optional<std::pair<Offset, Offset>> in_doubt_;  ///< A batch whose commit got no answer.
  bool doubted_ = false;                               ///< Since the last batch that was written.
  bool connected_once_ = false;
  Instant batch_began_;
  uint64_t count_ = 0;
};

Result<Summary> Run::run() {
  for (;;) {
    Result<After> after = attempt();
    if (!after && !may_try_again(after.error())) {
      if (target_) target_->rollback();
      return tl::unexpected(std::move(after).error());
    }
    if (after && *after != After::again) {
      return Summary{count_, projection_->next_offset(), *after == After::stopped};
    }
  }
}

bool Run::may_try_again(const Error& error) {
  if (error.code == Code::unknown_outcome && !doubted_) {
    doubted_ = true;  // The watermark says what happened: go and read it.
    return true;
  }
  // Our own old connection can hold the lock for a while after it was lost.
  const bool lost = retryable(error.code) || error.code == Code::unknown_outcome ||
                    (connected_once_ && error.code == Code::replay_locked);
  return job_.follow && lost && job_.again(error);
}

Result<Run::After> Run::attempt() {
  projection_.reset();
  target_.reset();
  target_ = TRY(job_.open());
  TRY(target_->lock());
  const bool started = TRY(start());
  if (!started) return After::again;
  connected_once_ = true;
  const Offset next = projection_->next_offset();
  if (in_doubt_) {
    if (next == in_doubt_->second) count_ += in_doubt_->second - in_doubt_->first;
    in_doubt_.reset();
  }
  if (!total_ && bounds_.to) total_ = *bounds_.to > next ? *bounds_.to - next + count_ : count_;
  return stream();
}

/// Makes or checks the target and loads its state. False: look again.
Result<bool> Run::start() {
  if (rebuild_) return make();
  TRY(target_->begin(Target::Access::read));
  const std::optional<Watermark> found = TRY(target_->look());
  if (!found) {
    target_->rollback();
    return make();
  }
  // On a later attempt the source may have grown, and others may have written that.
  if (found->next_offset > bounds_.end) bounds_.end = TRY(source_.end());
  TRY(check_watermark(*target_, *found, job_.name, source_, bounds_.end));
  if (!connected_once_) TRY(check_job(job_, bounds_, *target_, *found));
  book::Book book = TRY(load_book(*target_, *found));
  target_->rollback();
  projection_.emplace(std::move(book), *found);
  return true;
}

/// Makes the target in one transaction, with the state as of --from. False: somebody else did.
Result<bool> Run::make() {
  TRY(target_->begin(Target::Access::write));
  const std::optional<Watermark> found = TRY(target_->look());
  if (found && !rebuild_) {
    target_->rollback();
    return false;
  }
  if (found) {
    TRY(check_label(*target_, *found, job_.name, source_.cluster()));
    TRY(target_->drop());
  }
  Watermark watermark;
  watermark.name = job_.name;
  watermark.cluster = source_.cluster();
  watermark.amounts = target_->amounts(job_.amounts.value_or(Amounts::integer));
  watermark.first_offset = bounds_.from.value_or(Offset(0));
  watermark.raw = job_.raw;
  TRY(target_->create(watermark));
  book::Book book;
  book.load_position(Offset(0), Time{INT64_MIN});
  projection_.emplace(std::move(book), watermark);
  TRY(fold_to(watermark.first_offset));
  TRY(target_->commit());
  rebuild_ = false;
  return true;
}

/// Brings the state of a target that was just made to `from`; rows before it are left out.
Result<void> Run::fold_to(Offset from) {
  if (from == Offset(0)) return {};
  TRY(source_.seek(Offset(0), from, false));
  Walk walk;
  while (projection_->next_offset() < from) {
    if (walk.at_end()) {
      const bool more = TRY(refill(walk));
      if (!more) break;
    }
    const std::optional<Step> step = TRY(walk.next());
    if (!step) continue;
    TRY(projection_->add(*step));
    if (projection_->count() >= job_.batch_records || projection_->full()) {
      TRY(write_rows(*target_, projection_->finish()));
      projection_->begin_next();
    }
  }
  const Batch& last = projection_->finish();
  TRY(write_rows(*target_, last));
  const bool moved = TRY(target_->move(Offset(0), last.to));
  assert(moved);  // The row is ours and new.
  projection_->begin_next();
  return {};
}

/// The next batch of the source. False at its end.
Result<bool> Run::refill(Walk& walk) {
  std::optional<book::Decided> decided = TRY(source_.next(patience()));
  if (!decided) {
    TRY(walk.next());  // Nothing may be left over.
    return false;
  }
  const Offset expected = projection_->next_offset();
  if (!decided->verdicts.empty() && decided->first != expected) {
    return fail(Code::corrupt_segment,
                "the source gave offset " + std::to_string(decided->first.value) + " instead of " +
                    std::to_string(expected.value),
                "verify its segments, or read from another node");
  }
  bounds_.end = std::max({bounds_.end, decided->as_of, decided->next()});
  walk = Walk(*std::move(decided));
  return true;
}

Duration Run::patience() const {
  if (!job_.follow || projection_->count() == 0) return idle_wait;
  return std::max(Duration(0), batch_wait - (job_.now() - batch_began_));
}

Result<Run::After> Run::stream() {
  if (reached_end()) return After::done;
  TRY(source_.seek(projection_->next_offset(), bounds_.to.value_or(Offset(offset_max)),
                   job_.follow));
  Walk walk;
  for (;;) {
    if (walk.at_end()) {
      const bool more = TRY(refill(walk));
      const bool stop = job_.stop();
      const bool idle = walk.at_end();
      if (!more || stop || idle) {
        const bool moved = TRY(flush());
        if (!moved) return After::again;
      }
      if (!more) break;
      if (stop) return After::stopped;
      if (idle) continue;
    }
    const std::optional<Step> step = TRY(walk.next());
    if (!step) continue;
    const bool late = bounds_.until && step->stamp.recorded >= *bounds_.until;
    Result<void> added;
    if (!late) {
      if (projection_->count() == 0) batch_began_ = job_.now();
      added = projection_->add(*step);
    }
    const bool refused = !added && added.error().code == Code::amount_too_large;
    if (!added && !refused) return tl::unexpected(std::move(added).error());
    const bool full = projection_->count() >= job_.batch_records || projection_->full() ||
                      (job_.follow && walk.at_end() && patience() == Duration(0));
    if (late || refused || full || reached_end()) {
      const bool moved = TRY(flush());
      if (!moved) return After::again;
      if (refused) return tl::unexpected(std::move(added).error());
      if (late || reached_end()) return After::done;
      if (job_.stop()) return After::stopped;
    }
  }
  if (bounds_.to && !reached_end()) {
    return fail(Code::unreachable,
                "the source ended at " + std::to_string(projection_->next_offset().value) +
                    ", before " + std::to_string(bounds_.to->value),
                "run it again: it goes on from there");
  }
  return After::done;
}

/// Writes the batch, if it has records. False, and nothing written, if the watermark is not where
/// we left it.
Result<bool> Run::flush() {
  const Batch& batch = projection_->finish();
  if (batch.count() == 0) return true;
  TRY(target_->begin(Target::Access::write));
  const bool moved = TRY(target_->move(batch.from, batch.to));
  if (!moved) {
    target_->rollback();
    return false;
  }
  TRY(write_rows(*target_, batch));
  in_doubt_ = {batch.from, batch.to.next_offset};
  TRY(target_->commit());
  in_doubt_.reset();
  doubted_ = false;
  count_ += batch.count();
  job_.progress({count_, total_, batch.to.next_offset,
                 bounds_.end > batch.to.next_offset ? bounds_.end - batch.to.next_offset : 0});
  projection_->begin_next();
  return true;
}

}  // namespace

Result<Summary> run(history::Source& source, const Job& job) {
  assert(job.batch_records > 0);
  const Bounds bounds = TRY(find_bounds(source, job));
  return Run(source, job, bounds).run();
}

Result<Plan> plan(history::Source& source, const Job& job) {
  const Bounds bounds = TRY(find_bounds(source, job));
  const std::string schema = "schema " + std::to_string(schema_version);
  Plan out;
  out.to = bounds.to.value_or(bounds.end);
  Result<std::unique_ptr<Target>> target = job.open();
  std::optional<Watermark> found;
  if (target) {
    TRY((*target)->begin(Target::Access::read));
    found = TRY((*target)->look());
  } else if (target.error().code != Code::no_such_file) {
    return tl::unexpected(std::move(target).error());
  }
  if (found && !job.rebuild) {
    out.steps.push_back("check " + schema);
    TRY(check_watermark(**target, *found, job.name, source, bounds.end));
    TRY(check_job(job, bounds, **target, *found));
    out.steps.push_back("check prefix " + range(Offset(0), found->next_offset));
    TRY(load_book(**target, *found));
    out.from = found->next_offset;
  } else {
    if (found) {
      TRY(check_label(**target, *found, job.name, source.cluster()));
      out.steps.push_back("drop " + schema);
    }
    out.steps.push_back("create " + schema);
    out.from = bounds.from.value_or(Offset(0));
    if (out.from > Offset(0)) out.steps.push_back("fold " + range(Offset(0), out.from));
  }
  out.to = std::max(out.from, out.to);
  out.steps.push_back("apply " + range(out.from, out.to));
  if (job.follow) out.steps.emplace_back("follow");
  return out;
}

Result<Watermark> status(Target& target) {
  TRY(target.begin(Target::Access::read));
  const std::optional<Watermark> found = TRY(target.look());
  target.rollback();
  if (!found) {
    return fail(Code::no_such_replay, "there is no replay in " + target.display(),
                "`replay run` makes one");
  }
  return *found;
}

}  // namespace ledger::sql
