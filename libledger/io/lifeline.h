// A child that never outlives its parent, however that ends.
#pragma once

#include "base/result.h"
#include "io/descriptor.h"

namespace ledger::io {

/// The parent's end: a pipe whose write end nobody else has. Its children see its end when this
/// process has ended.
class Lifeline {
 public:
  /// Errors: `io`.
  static Result<Lifeline> make();

  /// For `ChildOptions::lifeline`.
  int child_end() const { return child_end_.get(); }
  /// What the child is told: `LEDGERCTL_LIFELINE_FD=3`, `LEDGERCTL_PARENT=PID`.
  static std::string descriptor_variable();
  static std::string parent_variable();

 private:
  Descriptor child_end_;
  Descriptor our_end_;
};

/// The child's end, first thing in `main`. Where the environment says that a parent holds a
/// lifeline: once that parent has ended, however it did, this process gets SIGTERM, and is ended
/// five seconds later if it still runs. One that is stopped by SIGSTOP is continued for that.
/// Begins a thread that blocks all signals. Without such an environment nothing happens.
void follow_parent();

}  // namespace ledger::io
