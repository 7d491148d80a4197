#include "base/fuzz.h"
#include "bson/oplog.h"

using namespace varve;

VARVE_FUZZ(oplog) {
  const auto entry = bson::parse_oplog_entry(bson::View(bytes));
  if (!entry || entry->kind != bson::OplogKind::kApplyOps) return;
  auto level = bson::nested_operations(*entry);
  for (int depth = 0; depth < 10 && level && !level->empty(); ++depth) level = bson::nested_operations(level->front());
}
