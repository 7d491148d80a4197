#include "mongo/documents.h"

#include <algorithm>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/write_concern.h"

namespace varve::mongo {

namespace {

constexpr size_t kACommand = 1000;

void add_query(bson::Builder& batch, bson::View document) {
  batch.open("q");
  if (const auto id = document.find("_id")) batch.add(*id);
  batch.end();
}

Status check(const std::string& host, bson::View reply) {
  TRY(check_write_reply(host, reply));
  const auto error = reply.document("writeErrors.0");
  if (!error) return {};
  return fail(server_error(host, static_cast<int>(error->int64("code").value_or(0)),
                           error->string("errmsg").value_or("no reason given")));
}

/// Runs `name` with an element of `array` for each document, a thousand at a time.
template <typename AddOne>
Status run_in_batches(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> documents,
                      const char* name, const char* array, const std::string& w, const AddOne& add_one,
                      const Cancel& cancel) {
  for (size_t at = 0; at < documents.size(); at += kACommand) {
    bson::Builder command;
    command.add(name, ns.collection).add("ordered", false);
    add_write_concern(command, w, true);
    command.open_array(array);
    for (size_t i = at; i < std::min(documents.size(), at + kACommand); ++i) {
      command.open(std::to_string(i - at));
      add_one(command, documents[i].view());
      command.end();
    }
    TRY_ASSIGN(const auto reply, connection.command(ns.db, command.finish(), cancel));
    auto status = check(connection.host(), reply);
    if (!status) return fail(std::move(status).error().within(ns.text()));
  }
  return {};
}

}  // namespace

Result<std::vector<bson::Document>> read_documents(Connection& connection, const bson::Namespace& ns,
                                                   const Cancel& cancel) {
  bson::Builder find;
  find.add("find", ns.collection);
  TRY_ASSIGN(auto results, all_results(connection, ns.db, find.finish(), cancel));
  return std::move(results.documents);
}

Status put_documents(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> documents,
                     const std::string& write_concern, const Cancel& cancel) {
  const auto put = [](bson::Builder& batch, bson::View document) {
    add_query(batch, document);
    batch.add("u", document).add("upsert", true);
  };
  return run_in_batches(connection, ns, documents, "update", "updates", write_concern, put, cancel);
}

Status remove_documents(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> documents,
                        const Cancel& cancel) {
  const auto remove = [](bson::Builder& batch, bson::View document) {
    add_query(batch, document);
    batch.add("limit", int32_t{1});
  };
  return run_in_batches(connection, ns, documents, "delete", "deletes", "1", remove, cancel);
}

}  // namespace varve::mongo
