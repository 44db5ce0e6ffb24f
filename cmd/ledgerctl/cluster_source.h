// The decided records of a running cluster: what joins the rpc client and the projections.
#pragma once

#include "history/source.h"
#include "rpc/client.h"

namespace ledger::cli {

class ClusterSource final : public history::Source {
 public:
  /// `client` must outlive it. `name` is the replay's, for the node's metrics.
  ClusterSource(rpc::Client& client, const Id& cluster, std::string name)
      : client_(client), cluster_(cluster), name_(std::move(name)) {}

  const Id& cluster() const override { return cluster_; }
  Result<Offset> end() override { return client_.end({}); }
  Result<Offset> find(Time time) override { return client_.find(time); }
  Result<std::pair<Id, Time>> identify(Offset offset) override { return client_.identify(offset); }

  Result<void> seek(Offset from, Offset to, bool follow) override {
    rpc::Range range{.from = from, .follow = follow};
    if (!follow) range.to = to;
    reader_ = client_.decisions(range, name_);
    return {};
  }

  Result<std::optional<book::Decided>> next(Duration patience) override {
    return reader_->next(patience);
  }

 private:
  rpc::Client& client_;
  const Id cluster_;
  const std::string name_;
  std::unique_ptr<rpc::Reader> reader_;
};

}  // namespace ledger::cli
