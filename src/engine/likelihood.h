#pragma once

#include "engine/token_transformer.h"
#include "tokens/token_file.h"

namespace tessera {

/// Mean negative log-likelihood in nats of the tokens of the first `images` sequences (all, if
/// fewer), each given its class and the tokens before it; as many sequences together as the
/// transformer has rows. `progress` hears how many are done.
double nats_per_token(TokenTransformer& transformer, const TokenFile& tokens, std::int64_t images,
                      const std::function<void(std::int64_t)>& progress);

}  // namespace tessera
