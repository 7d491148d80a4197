#include "job/document_sources.h"

#include "job/target_digest.h"

namespace varve::job {

namespace {

/// A pattern that matches this name alone.
std::string pattern_for(const bson::Namespace& ns) {
  std::string pattern;
  for (const char c : ns.text()) {
    if (c == '*' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace

DocumentSource documents_of(const BackupReader& backup, const bson::Namespace& ns, const MergeOptions& merge) {
  return [&backup, ns, merge](const auto& visit, const Cancel& cancel) -> Status {
    TRY_ASSIGN(auto filter, bson::NamespaceFilter::make({pattern_for(bson::logical(ns))}, {}));
    TRY_ASSIGN(const auto moment, BackupMoment::open(backup, std::move(filter), merge, cancel));
    for (size_t i = 0; i < moment->collections().size(); ++i) {
      if (moment->collections()[i].entry.ns != ns) continue;
      TRY_ASSIGN(const auto reading, CollectionReading::open(*moment, i, cancel));
      return read_collection(*reading, visit, cancel);
    }
    return {};
  };
}

DocumentSource documents_of(mongo::Connection& connection, const bson::Namespace& ns) {
  return [&](const auto& visit, const Cancel& cancel) -> Status {
    TRY(digest_on_server(connection, ns, visit, cancel));
    return {};
  };
}

}  // namespace varve::job
