#pragma once

#include <optional>
#include <string>
#include <variant>

#include "serf/wire/messages.h"
#include "serf/wire/seal.h"

namespace serf::wire {

/// Bytes one side may send on a stream, encrypted or not. (Spec 16.)
constexpr size_t stream_bytes_max = 20'971'520;

/// What a compress message on a stream may inflate to.
constexpr size_t stream_inflated_bytes_max = 41'943'040;

/// Bytes of one node map of a push/pull; meta is at most 512 of them.
constexpr size_t push_pull_node_bytes_max = 4'096;

/// A user message that came by stream: the body, a Serf message.
struct UserBytes {
  std::string body;
};

/// What one side of a stream says.
using StreamMessage = std::variant<PushPull, Ping, Ack, UserBytes, ErrorMessage>;

/// Reads one message from a stream that never says where it ends: label, encryption, compress, then
/// the message, whose end follows from its contents. (Spec 3.)
///
/// Bytes are fed as they arrive. Work is linear in their number, whatever their portions: a reader
/// that lacks bytes knows how many it needs and does not look again before they are there.
/// The ring and label must outlive the reader.
class StreamReader {
 public:
  explicit StreamReader(const KeyRing& ring, View label = {}) : ring_(&ring), label_(label) {}

  /// The message once it is complete; nothing while it is not.
  ///
  /// Errors: `unreadable` when the outer layer is not what our keys expect: answer with the message
  /// in an ErrorMessage and close; `invalid`: just close. After an error, or a message, the reader
  /// is done and must not be fed again.
  Result<std::optional<StreamMessage>> feed(View bytes);

  /// Bytes held at the moment.
  size_t buffered() const { return buffer_.size(); }

 private:
  Result<std::optional<StreamMessage>> advance();
  Result<bool> open_outer();
  Result<bool> open_sealed();
  Result<std::optional<StreamMessage>> read_plain();
  Result<std::optional<StreamMessage>> read_push_pull();
  Result<std::optional<StreamMessage>> read_user();
  template <class Message>
  Result<std::optional<Message>> read_map(size_t bytes_max);

  const KeyRing* ring_;
  View label_;
  std::string buffer_;
  size_t wanted_ = 1;  ///< Look again when the buffer holds this many bytes.
  size_t at_ = 0;      ///< What lies before is consumed.
  bool label_read_ = false;
  bool unsealed_ = false;  ///< Encryption is off, or done.
  bool inflated_ = false;
  bool whole_ = false;  ///< The buffer is all there will be: incomplete is invalid.
  std::optional<PushPullHeader> header_;
  PushPull push_pull_;
};

/// What to write for a message: compressed when asked, encrypted when there is a key. (Spec 3.1.)
std::string dress_stream(std::string message, bool compressed, const KeyRing& ring, Nonces& nonces,
                         View label = {});

}  // namespace serf::wire
