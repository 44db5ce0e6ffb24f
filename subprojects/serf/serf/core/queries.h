#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "serf/core/internal_queries.h"
#include "serf/core/memberlist.h"
#include "serf/core/members.h"
#include "serf/core/user_events.h"

namespace serf {

/// Questions to all members and their answers: ours, and those of others. (Spec 13.2.)
class Queries {
 public:
  Queries(Shared& shared, const Members& members, Memberlist& memberlist);

  /// Errors: `invalid` when the query is too large.
  Result<void> ask(Instant now, const SendQuery& query, Out& out);

  /// Errors: `invalid` for a key of a wrong length.
  Result<void> change_keys(Instant now, const ChangeKeys& change, Out& out);

  /// Asks the others who is right about our name, unless that is being asked.
  void ask_conflict(Instant now, Out& out);
  /// Whether we keep our name, once that is decided.
  std::optional<bool> take_verdict() { return std::exchange(verdict_, std::nullopt); }

  void receive(Instant now, const wire::Query& query, Out& out);
  void receive_response(const wire::QueryResponse& response, Out& out);
  void relay(View body, Out& out);

  /// Errors: `invalid` for an unknown or expired query, a second answer, or one that is too large.
  Result<void> respond(const Respond& answer, Out& out);

  void tick(Instant now, Out& out);
  Instant wake() const;

  Lamport& clock() { return seen_.clock(); }
  const Lamport& clock() const { return seen_.clock(); }

 private:
  struct Asked {
    bool conflict = false;
    Token token = 0;
    Instant deadline{};
    std::set<std::string> acked{};
    std::set<std::string> answered{};
    size_t votes_for_us = 0;
  };
  struct Received {
    wire::Query query;
    Instant deadline;
  };

  Result<void> send(Instant now, wire::Query query, Duration timeout, Asked asked, Out& out);
  void send_response(const wire::Query& query, uint32_t flags, std::string payload, Out& out);
  Duration default_timeout() const;

  Shared* shared_;
  const Members* members_;
  Memberlist* memberlist_;
  InternalQueries internal_;
  SeenQueries seen_;
  std::map<QueryId, Asked> asked_;
  std::map<QueryId, Received> received_;
  std::optional<bool> verdict_;
};

}  // namespace serf
