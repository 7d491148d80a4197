#include "job/target_digest.h"

#include "mongo/cursor.h"

namespace varve::job {

Result<bson::Digest> digest_on_server(mongo::Connection& connection, const bson::Namespace& ns,
                                      const std::function<Status(ByteView)>& visit, const Cancel& cancel) {
  mongo::ReadSpec spec;
  spec.db = ns.db;
  spec.collection = ns.collection;
  spec.majority = false;
  TRY_ASSIGN(auto cursor, mongo::Cursor::open(connection, spec, cancel));
  bson::Digest digest;
  const auto take = [&](ByteView document) -> Status {
    digest.add(document);
    return visit ? visit(document) : Status{};
  };
  for (bool more = true; more;) {
    TRY_ASSIGN(more, cursor.next(take, cancel));
  }
  return digest;
}

}  // namespace varve::job
