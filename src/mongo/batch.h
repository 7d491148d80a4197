#pragma once

#include <functional>

#include "bson/document.h"
#include "bson/namespace.h"
#include "mongo/connection.h"

namespace varve::mongo {

/// Calls `visit` with each document of an array as a reply's firstBatch or nextBatch holds it, looking at the framing
/// only. kCorrupt if that is not right.
Status each_in_batch(bson::View batch, const std::function<Status(ByteView)>& visit);

/// Runs a command that answers with a cursor and visits everything it gives, through as many replies as it takes. Each
/// document is validated first: for small answers, not for data.
Status each_result(Connection& connection, std::string_view db, bson::View command,
                   const std::function<Status(bson::View)>& visit, const Cancel& cancel);

/// The same, collected, and the last reply's operationTime.
struct Results {
  std::vector<bson::Document> documents;
  bson::Timestamp operation_time;
};
Result<Results> all_results(Connection& connection, std::string_view db, bson::View command, const Cancel& cancel);

}  // namespace varve::mongo
