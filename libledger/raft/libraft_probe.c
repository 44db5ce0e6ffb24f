/* How C lays out what libraft shares with us; libraft_test.cc compares. */
#include <raft.h>

const size_t ledger_libraft_sizes[] = {
    sizeof(struct raft),
    sizeof(struct raft_event),
    sizeof(struct raft_update),
    sizeof(struct raft_message),
    sizeof(struct raft_entry),
    sizeof(struct raft_snapshot_metadata),
    offsetof(struct raft, configuration_uncommitted_index),
    offsetof(struct raft, last_stored),
    offsetof(struct raft, trail),
    offsetof(struct raft, barrier),
};
