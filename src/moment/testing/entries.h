#pragma once

#include <string>
#include <vector>

#include "moment/testing/cases.h"

namespace varve::moment::testing {

/// Oplog entries as servers write them. Each gets the next time: (100, 1), (100, 2), ...
class Entries {
 public:
  /// `uuid` stands for sixteen bytes of that value.
  void insert(uint8_t uuid, const std::string& ns, const bson::Document& document);
  void update(uint8_t uuid, const std::string& ns, int32_t id, const bson::Document& o);
  void remove(uint8_t uuid, const std::string& ns, int32_t id);
  void command(uint8_t uuid, const std::string& db, const bson::Document& o);
  void create(uint8_t uuid, const std::string& ns, const bson::Document& options = {});
  void drop(uint8_t uuid, const std::string& ns);
  void rename(uint8_t uuid, const std::string& from, const std::string& to);
  void noop();

  /// A part of a transaction of `session`, with operations made by the functions below.
  struct Transaction {
    int session = 1;
    int64_t number = 1;
    bool partial = false, prepare = false;
    bson::Timestamp previous;
  };
  void apply_ops(const std::vector<bson::Document>& operations);
  void apply_ops(const std::vector<bson::Document>& operations, const Transaction& transaction, bool vectored = false);
  void commit(int session, int64_t number, bson::Timestamp at);
  void abort(int session, int64_t number);
  void raw(const bson::Document& entry) { all.push_back(to_bytes(entry.bytes())); }

  bson::Timestamp last() const { return {100, next_ - 1}; }
  std::vector<Bytes> all;

 private:
  bson::Builder begin(const char* op, const std::string& ns);
  uint32_t next_ = 1;
};

// Operations inside applyOps.
bson::Document insert_op(uint8_t uuid, const std::string& ns, const bson::Document& document);
bson::Document update_op(uint8_t uuid, const std::string& ns, int32_t id, const bson::Document& o);
bson::Document remove_op(uint8_t uuid, const std::string& ns, int32_t id);

/// {_id: id, n: value}
bson::Document numbered(int32_t id, int32_t value);
/// {$v: 2, diff: {u: {field: value}}}
bson::Document set_field(std::string_view field, int32_t value);

Bytes uuid_of(uint8_t uuid);
/// A collection of the base with these documents.
State state(uint8_t uuid, const std::string& ns, const std::vector<bson::Document>& documents = {},
            const bson::Document& options = {});
/// The whole base at (100, 0), exact unless said otherwise.
Base base_of_states(const std::vector<State>& states, bool exact = true);

}  // namespace varve::moment::testing
