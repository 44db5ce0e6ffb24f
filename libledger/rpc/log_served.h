// For tests: the log's service, served, and requests to it.
#pragma once

#include <doctest/doctest.h>

#include "base/crc32c.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/convert.h"
#include "rpc/served.h"

namespace ledger::rpc {

namespace logv1 = ::logpb::v1;
using grpc::StatusCode;

struct LogServed : Served {
  std::unique_ptr<logv1::Log::Stub> stub = logv1::Log::NewStub(channel);
  using Served::Served;

  /// The offset of `value`, produced under test_id(`id`), or made by the server for 0.
  uint64_t produce(const std::string& value, uint64_t id = 0) {
    Context context;
    logv1::ProduceRequest request;
    request.mutable_record()->set_value(value);
    if (id != 0) request.mutable_record()->set_id(std::string(test_id(id).view()));
    logv1::ProduceResponse response;
    REQUIRE(stub->Produce(&context, request, &response).ok());
    return response.offset();
  }
  Failed produce_fails(const logv1::ProduceRequest& request, StatusCode code) {
    Context context;
    logv1::ProduceResponse response;
    const grpc::Status status = stub->Produce(&context, request, &response);
    CHECK(status.error_code() == code);
    return from_status(status);
  }
  Failed append_fails(const logv1::AppendRequest& request, StatusCode code) {
    Context context;
    logv1::AppendResponse response;
    const grpc::Status status = stub->Append(&context, request, &response);
    CHECK(status.error_code() == code);
    return from_status(status);
  }
  std::vector<logv1::ReadResponse> read(const logv1::ReadRequest& request,
                                        StatusCode code = StatusCode::OK) {
    Context context;
    const auto reader = stub->ReadStream(&context, request);
    std::vector<logv1::ReadResponse> responses;
    for (logv1::ReadResponse response; reader->Read(&response);) responses.push_back(response);
    CHECK(reader->Finish().error_code() == code);
    return responses;
  }
};

inline logv1::AppendRequest packed(std::string records, uint32_t count) {
  logv1::AppendRequest request;
  request.set_crc32c(crc32c(records));
  request.set_packed(std::move(records));
  request.set_count(count);
  return request;
}

/// `count` records from test_id(`first`) on.
inline logv1::AppendRequest batch(uint64_t first, uint32_t count) {
  std::string records;
  for (uint32_t i = 0; i < count; ++i) {
    records += raw_record(test_id(first + i), "value " + std::to_string(first + i));
  }
  return packed(std::move(records), count);
}

}  // namespace ledger::rpc
