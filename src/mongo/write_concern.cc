#include "mongo/write_concern.h"

#include "base/parse.h"

namespace varve::mongo {

void add_write_concern(bson::Builder& command, const std::string& w, bool journalled) {
  command.open("writeConcern");
  if (const auto members = parse_number<int32_t>(w)) {
    command.add("w", *members);
  } else {
    command.add("w", w);
  }
  if (journalled) command.add("j", true);
  command.end();
}

}  // namespace varve::mongo
