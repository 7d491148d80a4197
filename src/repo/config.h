#pragma once

#include "repo/repository.h"

namespace varve::repo {

std::string encode_config(const Config& config);
/// kUnsupported for another version than 1 or 2, kCorrupt for anything else that is wrong.
Result<Config> decode_config(std::string_view json);

/// The config is sealed but, unlike other files, never compressed: any version of any program must be able to read it.
Status save_config(storage::Storage& storage, const codec::SealKey& key, const Config& config, const Cancel& cancel);
/// kNoRepository if there is none. Gives the sealed bytes.
Result<Bytes> load_sealed_config(storage::Storage& storage, const Cancel& cancel);
Result<Config> open_config(const codec::SealKey& key, ByteView sealed);

}  // namespace varve::repo
