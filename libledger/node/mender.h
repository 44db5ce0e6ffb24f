// Mends a damaged log by asking the others: whom, in what order, and when again.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "log/mend.h"
#include "raft/configuration.h"
#include "rpc/peer_ports.h"

namespace ledger::node {

/// Drives log::Mend with answers that the caller brings, one question at a time. It owns no thread,
/// clock or socket: the simulator runs this very code.
///
///     for (;;) {
///       Mender::Step step = TRY(mender.next());
///       // Question: ask it, and give the answer, or why there is none, to `hear`.
///       // Wait: nobody can help now; tell why, wait a while, go on.
///       // Done: open the log.
///     }
///
/// Each member is asked for what is missing next, the one that helped last first; if nobody has
/// more and it is of use, each is asked to confirm that it leads.
///
/// Threads: one at a time. `remains` may be handed to other threads.
class Mender {
 public:
  /// Looks at the log. `disk` and `random` must outlive it. Errors: as log::Mend::begin.
  static Result<Mender> begin(io::Disk& disk, io::Random& random, uint64_t segment_bytes,
                              MemberId self);

  struct Question {
    raft::Member to;
    std::optional<rpc::EntriesAsked> entries;  ///< Nothing: it is to confirm that it leads.
  };
  struct Wait {
    std::string why;  ///< The same as long as nothing changes.
  };
  struct Done {};
  using Step = std::variant<Question, Wait, Done>;

  /// Does what can be done with what is there. Errors, which end it: `io` of writing, `internal`.
  Result<Step> next();

  /// What became of the last question. Errors: as `next`.
  Result<void> hear(const Result<rpc::EntriesGiven>& given);
  Result<void> hear(const Result<rpc::Leading>& leading);

  /// Others who may be asked besides those that the log names, or at another address than it says.
  void know(const std::vector<raft::Member>& others);
  /// Whether there is anybody to ask.
  bool alone() const { return members_.empty(); }

  /// `segments/…: bad CRC at byte …`, ready to print; empty: nothing is damaged.
  std::vector<std::string> damages() const;
  /// `entries 17 to 20, records from offset 53 on`: what is missing now.
  std::string missing() const;
  /// The error that says what to type where there is nobody to ask; none: nothing is damaged.
  std::optional<Error> first_damage() const;
  std::shared_ptr<const log::Remains> remains() const { return mend_->remains(); }

  uint64_t mended() const { return mended_ + mend_->mended(); }
  Index replaced_from() const {
    return mend_->replaced_from() == Index() ? replaced_from_ : mend_->replaced_from();
  }

 private:
  Mender(io::Disk& disk, io::Random& random, uint64_t segment_bytes, MemberId self, log::Mend mend);

  Result<void> take(const Result<void>& done);
  Result<void> begin_again(const Error& why);
  void say(std::string what);
  std::string why() const;
  bool confirmation_helps() const;

  io::Disk* disk_;
  io::Random* random_;
  uint64_t segment_bytes_;
  MemberId self_;
  std::unique_ptr<log::Mend> mend_;
  std::vector<raft::Member> members_;
  std::vector<std::string> said_;  ///< What each of them said last in this round.

  std::optional<log::Mend::Need> need_;
  size_t asked_ = 0;                  ///< Questions of this round.
  size_t refused_ = 0;                ///< Answers of this round.
  size_t helped_ = 0;                 ///< Who did last.
  size_t current_ = 0;                ///< Who is being asked.
  std::optional<std::string> stuck_;  ///< Why to wait, whoever could be asked.
  uint64_t mended_ = 0;               ///< By earlier attempts.
  Index replaced_from_;               ///< Likewise.
};

}  // namespace ledger::node
