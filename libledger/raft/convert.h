// Between our words and libraft's.
#pragma once

#include <memory>
#include <string>

#include "raft/engine.h"
#include "raft/libraft.h"

namespace ledger::raft {

/// What libraft calls a member's address: it wants one that nobody else has, and never looks at it.
/// Where a member can be reached is known to our Configuration alone.
std::string library_address(MemberId id);

/// Allocated by libraft's allocator; who owns it, see where it is used.
raft_configuration library_configuration(const Configuration& configuration);

/// libraft's own encoding, which it decodes from entries of type RAFT_CHANGE.
std::string library_encoding(const Configuration& configuration);

/// A batch as libraft wants it with every entry: it never reads one, but frees those of entries
/// that were received, so those come from its allocator.
void* library_batch();

/// An entry as libraft needs it: term and type, and for a membership entry the configuration, whose
/// encoding is borrowed from `encoding`.
raft_entry library_entry(Term term, void* batch);
raft_entry library_entry(Term term, void* batch, const std::string& encoding);

/// A message to send. `configuration` of an InstallSnapshot is left for the caller.
Message from_library(const raft_message& message, MemberId self);

/// Everything but entries and configuration. Borrows `address`.
raft_message to_library(const Message& message, const std::string& address);

}  // namespace ledger::raft
