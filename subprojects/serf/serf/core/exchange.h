#pragma once

#include <map>
#include <optional>
#include <string>

#include "serf/core/prober.h"
#include "serf/core/roster.h"
#include "serf/wire/stream.h"

namespace serf {

/// All streams: push/pulls we open and serve, and pings by TCP. One stream serves one exchange and
/// has one deadline. (Spec 3, 9.3.)
class Exchange {
 public:
  Exchange(Shared& shared, Roster& roster, Prober& prober, const Upper& upper);

  void start(Instant now);

  /// Opens a push/pull. With a token, its end is told as Exchanged.
  void push_pull(Instant now, const Address& to, bool join, std::optional<Token> token, Out& out);

  void accepted(Instant now, StreamId id, Out& out);
  void received(Instant now, StreamId id, const std::string& bytes, Out& out);
  void closed(StreamId id, const std::string& why, Out& out);

  void tick(Instant now, Out& out);
  Instant wake() const;

 private:
  enum class Purpose : uint8_t { serve, push_pull, ping };
  struct Stream {
    Purpose purpose;
    Address to;  ///< Of a stream that we opened.
    bool join = false;
    std::optional<Token> token;
    uint32_t seq_no = 0;
    Instant deadline;
    wire::StreamReader reader;
  };
  using Place = std::map<StreamId, Stream>::iterator;

  void open(Stream stream, std::string message, Out& out);
  void serve(Instant now, Place at, wire::StreamMessage message, Out& out);
  void take_answer(Instant now, Place at, wire::StreamMessage message, Out& out);
  void answer(Place at, std::string message, Out& out);
  /// Closes the stream and tells the end of a push/pull; `error` is empty when all went well.
  void finish(Place at, const std::string& error, Out& out);
  std::string dress(std::string message);
  std::string own_push_pull(bool join) const;
  void merge(Instant now, wire::PushPull message, bool join, std::string& error, Out& out);
  Duration interval() const;

  Shared* shared_;
  Roster* roster_;
  Prober* prober_;
  const Upper* upper_;
  std::map<StreamId, Stream> streams_;
  StreamId last_id_ = 0;
  size_t served_ = 0;
  Instant next_{};
};

}  // namespace serf
