#pragma once

#include <span>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"
#include "mongo/connection.h"

// A few small documents that are kept on a server, not a user's data.

namespace varve::mongo {

/// All of a collection's; none if it is not there.
Result<std::vector<bson::Document>> read_documents(Connection& connection, const bson::Namespace& ns,
                                                   const Cancel& cancel);

/// Puts each in the place of the one with its `_id`, or adds it. On return they are in the journal, and with them
/// everything that the server has confirmed before, and on as many members as `write_concern` says.
Status put_documents(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> documents,
                     const std::string& write_concern, const Cancel& cancel);

/// Those with the `_id`s of these.
Status remove_documents(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> documents,
                        const Cancel& cancel);

}  // namespace varve::mongo
