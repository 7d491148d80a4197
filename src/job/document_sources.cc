#include "job/document_sources.h"

#include "job/target_digest.h"

namespace varve::job {

DocumentSource documents_of(const BackupReader& backup, const repo::Node& file) {
  return [&](const auto& visit, const Cancel& cancel) {
    return backup.each_document(file, 0, file.content.size(), visit, cancel);
  };
}

DocumentSource documents_of(mongo::Connection& connection, const bson::Namespace& ns) {
  return [&](const auto& visit, const Cancel& cancel) -> Status {
    TRY(digest_on_server(connection, ns, visit, cancel));
    return {};
  };
}

}  // namespace varve::job
