#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bson/document.h"
#include "mongo/connection.h"

namespace varve::mongo {

enum class ReadOrder : uint8_t { kNatural, kId };

/// What to read: a whole collection, named by its UUID (RULES 1) where there is one, else by its name.
struct ReadSpec {
  std::string db;
  std::string collection;  ///< for messages, and for reading by name where `uuid` is empty
  Bytes uuid;              ///< 16 bytes or empty
  ReadOrder order = ReadOrder::kNatural;
  bool majority = true;  ///< read concern majority; false: local (standalone)
  /// {_id: X}, with kId and no collation: begins at X, or at the first `_id` after it; {} for all.
  bson::Document from;
  std::optional<bson::Timestamp> after_cluster_time;
  /// Everything as it was at this cluster time, which is majority-committed (5.0 and later, not for capped collections
  /// before 8.0); instead of `majority`.
  std::optional<bson::Timestamp> at;

  /// Appends the field readConcern that this asks for.
  void add_read_concern(bson::Builder& command) const;
};

/// Reads in whole replies of up to 16 MB; nothing is decoded. One thread; the connection is busy until it is destroyed
/// or at its end. Destroying it early kills the cursor on the server.
class Cursor {
 public:
  static Result<Cursor> open(Connection& connection, const ReadSpec& spec, const Cancel& cancel);
  ~Cursor();
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;

  /// Calls `visit` with each document of the next reply; the bytes are valid until the next call. False at the end. An
  /// error of `visit` ends the reading and is returned.
  Result<bool> next(const std::function<Status(ByteView)>& visit, const Cancel& cancel);
  /// The newest write that the latest reply can hold anything of; zero where the server has no such times.
  bson::Timestamp operation_time() const;

  /// The collection was dropped, or renamed away, while it was read (server codes 26, 175, 246, "Unable to resolve"):
  /// what is missing is in the oplog. Tells it of an error from open or next.
  static bool vanished(const Error& error);

  /// A capped collection's newest documents have pushed out what was to be read next (136). Tells it of an error from
  /// next; reading may begin again.
  static bool overtaken(const Error& error);

  /// The server has ended the cursor, since nobody asked for more for ten minutes or its session for half an hour (43).
  /// Tells it of an error from next; reading may go on by another cursor.
  static bool expired(const Error& error);

  /// The server answered, but will not read this at `ReadSpec::at`: it keeps no history so old, the collection's
  /// catalog has changed since, or it is of a kind that cannot be. Tells it of an error from open or next; another way
  /// of reading gets through, or says what is really wrong.
  static bool refused_at_time(const Error& error);
  /// Of such a refusal: the history is not kept any more, so nothing else can be read at that time either.
  static bool too_old(const Error& error);

 private:
  Cursor();
  struct State;
  std::unique_ptr<State> state_;
};

/// True if `_id` order and natural order are nearly the same, from a sample of the first documents in natural order. A
/// decision for speed only.
Result<bool> id_follows_natural_order(Connection& connection, const ReadSpec& spec, const Cancel& cancel);

}  // namespace varve::mongo
