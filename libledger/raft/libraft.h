// libraft's one header, made fit for C++. Nothing else includes <raft.h>, and this file is included
// by core.cc, convert.cc and their tests alone: no type of it crosses the room's border.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// raft.h checks its own layout by defining structures inside `sizeof` inside a static assertion,
// which C++ does not allow. The assertions go; libraft_test.cc compares the layout with C's
// instead.
extern "C" {
#define static_assert(...)
#include <raft.h>
#undef static_assert
}

// The next release changes who owns memory, 0.15 is another library: neither may be built against.
static_assert(RAFT_VERSION_NUMBER == 2201, "the adapter is written for libraft 0.22.1");
