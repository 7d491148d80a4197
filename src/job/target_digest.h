#pragma once

#include <functional>

#include "bson/digest.h"
#include "bson/namespace.h"
#include "mongo/connection.h"

namespace varve::job {

/// Reads a whole collection of a server, by name, and gives its digest; `visit`, if given, sees each document.
Result<bson::Digest> digest_on_server(mongo::Connection& connection, const bson::Namespace& ns,
                                      const std::function<Status(ByteView)>& visit, const Cancel& cancel);

}  // namespace varve::job
