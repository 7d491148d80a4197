#include "mongo/batch.h"

#include <cstring>

#include "mongo/driver.h"

namespace varve::mongo {

namespace {

tl::unexpected<Error> broken_reply() {
  return fail(ErrorKind::kCorrupt, "the server sent a reply whose documents are not BSON");
}

}  // namespace

Status each_in_batch(bson::View batch, const std::function<Status(ByteView)>& visit) {
  const auto bytes = batch.bytes();
  constexpr size_t kLengthField = 4;
  if (bytes.size() < kLengthField + 1) return broken_reply();
  const uint8_t* at = bytes.data() + kLengthField;
  const uint8_t* const end = bytes.data() + bytes.size() - 1;
  while (at < end) {
    if (*at != static_cast<uint8_t>(bson::Type::kDocument)) return broken_reply();
    const auto* zero = static_cast<const uint8_t*>(std::memchr(at, 0, static_cast<size_t>(end - at)));
    if (zero == nullptr) return broken_reply();
    const ByteView rest(zero + 1, end);
    const auto size = bson::check_framing(rest);
    if (!size) return broken_reply();
    TRY(visit(rest.first(*size)));
    at = rest.data() + *size;
  }
  return {};
}

namespace {

Result<bson::Timestamp> run_to_end(Connection& connection, std::string_view db, bson::View command,
                                   const std::function<Status(bson::View)>& visit, const Cancel& cancel) {
  auto& state = connection.state();
  const auto take = [&](ByteView document) -> Status {
    auto valid = bson::validate(document);
    if (!valid) return fail(std::move(valid).error().within(state.host + ": a document of its reply"));
    return visit(bson::View(document));
  };
  DriverDocument reply;
  TRY(state.run(db, command, reply, cancel));
  auto batch = reply.view().array("cursor.firstBatch");
  for (;;) {
    if (!batch) return broken_reply();
    TRY(each_in_batch(*batch, take));
    const int64_t id = reply.view().int64("cursor.id").value_or(0);
    if (id == 0) return reply.view().timestamp("operationTime").value_or(bson::Timestamp{});
    const auto ns = bson::Namespace::parse(reply.view().string("cursor.ns").value_or(""));
    bson::Builder more;
    more.add("getMore", id).add("collection", ns.collection);
    TRY(state.run(db, more.finish(), reply, cancel));
    batch = reply.view().array("cursor.nextBatch");
  }
}

}  // namespace

Status each_result(Connection& connection, std::string_view db, bson::View command,
                   const std::function<Status(bson::View)>& visit, const Cancel& cancel) {
  TRY(run_to_end(connection, db, command, visit, cancel));
  return {};
}

Result<Results> all_results(Connection& connection, std::string_view db, bson::View command, const Cancel& cancel) {
  Results results;
  const auto keep = [&](bson::View document) -> Status {
    results.documents.emplace_back(document.bytes());
    return {};
  };
  TRY_ASSIGN(results.operation_time, run_to_end(connection, db, command, keep, cancel));
  return results;
}

}  // namespace varve::mongo
