#pragma once

#include <cstdlib>

#include "bson/view.h"
#include "dump/reader.h"

namespace varve::dump::testing {

/// Reads all that a reader gives, for fuzz targets: whatever it was made of, documents are valid, or this aborts.
inline void read_valid(DumpReader& reader) {
  DumpReader::Visitor visitor;
  visitor.documents = [](const bson::Namespace&, ByteView documents) -> Status {
    if (documents.empty()) std::abort();
    while (!documents.empty()) {
      const auto size = bson::check_framing(documents);
      if (!size || !bson::validate(documents.first(*size))) std::abort();
      documents = documents.subspan(*size);
    }
    return {};
  };
  visitor.end = [](const bson::Namespace&) { return Status(); };
  (void)reader.read([](const bson::Namespace&) { return true; }, visitor);
}

}  // namespace varve::dump::testing
