#include "moment/testing/entries.h"

namespace varve::moment::testing {

using bson::Builder;
using bson::Document;

namespace {

std::string database(const std::string& ns) {
  return ns.substr(0, ns.find('.'));
}

std::string collection(const std::string& ns) {
  return ns.substr(ns.find('.') + 1);
}

Builder operation(const char* op, uint8_t uuid, const std::string& ns) {
  Builder b;
  b.add("op", op).add("ns", ns).add_uuid("ui", uuid_of(uuid));
  return b;
}

Document array_of(const std::vector<Document>& documents) {
  Builder b;
  for (size_t i = 0; i < documents.size(); ++i) b.add(std::to_string(i), documents[i]);
  return b.finish();
}

Document with_name(const char* command, const std::string& name, const Document& rest) {
  Builder b;
  b.add(command, name);
  auto fields = rest.view().elements();
  while (const auto field = fields.next()) b.add(*field);
  return b.finish();
}

Document session_id(int session) {
  return Builder().add("id", int32_t{session}).finish();
}

}  // namespace

Bytes uuid_of(uint8_t uuid) {
  return Bytes(16, uuid);
}

Builder Entries::begin(const char* op, const std::string& ns) {
  Builder b;
  b.add("ts", bson::Timestamp{100, next_++}).add("t", int64_t{1}).add("v", int64_t{2}).add("op", op).add("ns", ns);
  return b;
}

void Entries::insert(uint8_t uuid, const std::string& ns, const Document& document) {
  raw(begin("i", ns).add_uuid("ui", uuid_of(uuid)).add("o", document).finish());
}

void Entries::update(uint8_t uuid, const std::string& ns, int32_t id, const Document& o) {
  raw(begin("u", ns).add_uuid("ui", uuid_of(uuid)).add("o", o).open("o2").add("_id", id).finish());
}

void Entries::remove(uint8_t uuid, const std::string& ns, int32_t id) {
  raw(begin("d", ns).add_uuid("ui", uuid_of(uuid)).open("o").add("_id", id).finish());
}

void Entries::command(uint8_t uuid, const std::string& db, const Document& o) {
  raw(begin("c", db + ".$cmd").add_uuid("ui", uuid_of(uuid)).add("o", o).finish());
}

void Entries::create(uint8_t uuid, const std::string& ns, const Document& options) {
  Builder index;
  index.open("idIndex").add("v", int32_t{2}).open("key").add("_id", int32_t{1}).end().add("name", "_id_").end();
  auto rest = index.finish();
  Builder all;
  auto fields = options.view().elements();
  while (const auto field = fields.next()) all.add(*field);
  all.add(*rest.view().elements().next());
  command(uuid, database(ns), with_name("create", collection(ns), all.finish()));
}

void Entries::drop(uint8_t uuid, const std::string& ns) {
  command(uuid, database(ns), Builder().add("drop", collection(ns)).finish());
}

void Entries::rename(uint8_t uuid, const std::string& from, const std::string& to) {
  command(uuid, database(from), Builder().add("renameCollection", from).add("to", to).add("stayTemp", false).finish());
}

void Entries::noop() {
  raw(begin("n", "").open("o").add("msg", "periodic noop").finish());
}

void Entries::apply_ops(const std::vector<Document>& operations) {
  raw(begin("c", "admin.$cmd").open("o").add_array("applyOps", array_of(operations)).finish());
}

void Entries::apply_ops(const std::vector<Document>& operations, const Transaction& transaction, bool vectored) {
  Builder b = begin("c", "admin.$cmd");
  b.add("lsid", session_id(transaction.session)).add("txnNumber", transaction.number);
  if (vectored) b.add("multiOpType", int32_t{1});
  b.open("prevOpTime").add("ts", transaction.previous).add("t", int64_t{-1}).end();
  b.open("o").add_array("applyOps", array_of(operations));
  if (transaction.partial) b.add("partialTxn", true);
  if (transaction.prepare) b.add("prepare", true);
  raw(b.finish());
}

void Entries::commit(int session, int64_t number, bson::Timestamp at) {
  Builder b = begin("c", "admin.$cmd");
  b.add("lsid", session_id(session)).add("txnNumber", number);
  raw(b.open("o").add("commitTransaction", int32_t{1}).add("commitTimestamp", at).finish());
}

void Entries::abort(int session, int64_t number) {
  Builder b = begin("c", "admin.$cmd");
  b.add("lsid", session_id(session)).add("txnNumber", number);
  raw(b.open("o").add("abortTransaction", int32_t{1}).finish());
}

Document insert_op(uint8_t uuid, const std::string& ns, const Document& document) {
  return operation("i", uuid, ns).add("o", document).finish();
}

Document update_op(uint8_t uuid, const std::string& ns, int32_t id, const Document& o) {
  return operation("u", uuid, ns).add("o", o).open("o2").add("_id", id).finish();
}

Document remove_op(uint8_t uuid, const std::string& ns, int32_t id) {
  return operation("d", uuid, ns).open("o").add("_id", id).finish();
}

Document numbered(int32_t id, int32_t value) {
  return Builder().add("_id", id).add("n", value).finish();
}

Document set_field(std::string_view field, int32_t value) {
  return Builder().add("$v", int32_t{2}).open("diff").open("u").add(field, value).finish();
}

State state(uint8_t uuid, const std::string& ns, const std::vector<Document>& documents, const Document& options) {
  State made;
  made.entry.ns = bson::Namespace::parse(ns);
  made.entry.type = "collection";
  made.entry.uuid = to_hex(uuid_of(uuid));
  made.entry.options = options;
  Builder index;
  made.entry.indexes.push_back(
      index.add("v", int32_t{2}).open("key").add("_id", int32_t{1}).end().add("name", "_id_").finish());
  for (const auto& document : documents) made.documents.push_back(to_bytes(document.bytes()));
  made.entry.as_read = digest_of(made.documents);
  return made;
}

Base base_of_states(const std::vector<State>& states, bool exact) {
  Base base;
  for (const auto& one : states) base.collections.push_back(one.entry);
  base.time = base.from = {100, 0};
  base.exact = exact;
  return base;
}

}  // namespace varve::moment::testing
