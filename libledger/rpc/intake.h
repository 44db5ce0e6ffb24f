// From requests that write to records that may enter the log.
#pragma once

#include <functional>
#include <string>

#include "base/id.h"
#include "book/book.h"
#include "ledger/v1/ledger.pb.h"
#include "log/v1/log.pb.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// Makes ids that were never used. Any thread.
using IdSource = std::function<Id()>;

/// What can't enter the log: which command or record of the request, and why. The code is one of
/// `book::check`'s.
struct Unfit {
  uint32_t index = 0;
  book::RequestError error;
};

template <class T>
using Fit = tl::expected<T, Unfit>;

/// Checks a request whole: checksum, count, and every record, raw only. Takes its bytes.
Fit<Proposal> take(::logpb::v1::AppendRequest&& request);

/// A raw record; one without an id gets one of `ids`.
Fit<Proposal> take(const ::logpb::v1::ProduceRequest& request, const IdSource& ids);

/// Every command as a record. Unknown fields are dropped: the log holds canonical bytes only.
Fit<Proposal> take(const v1::PostRequest& request);

/// As a RequestError or the Error of a call says it: `record 3: …`.
Error to_error(const Unfit& unfit, std::string_view what);

}  // namespace ledger::rpc
