#include "bson/oplog.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto entry = bson::parse_oplog_entry(bson::View(ByteView(data, size)));
  if (!entry || entry->kind != bson::OplogKind::kApplyOps) return 0;
  auto level = bson::nested_operations(*entry);
  for (int depth = 0; depth < 10 && level && !level->empty(); ++depth) level = bson::nested_operations(level->front());
  return 0;
}
