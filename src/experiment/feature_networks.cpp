#include "experiment/feature_networks.h"

#include "experiment/experiment_options.h"
#include "experiment/stages.h"
#include "features/train_features.h"

namespace tessera {

nlohmann::json FeatureNetworks::train(const std::string& name, const RunOptions& options) const {
  return Stages(folder / "stages").run(name, [&] {
    const bool loss = name == "loss";
    auto train = stage_options<TrainFeaturesOptions>(options);
    train.recipe = recipe;
    train.overrides = set;
    train.data = data;
    train.out = path(name);
    train.width = loss ? 32 : 48;
    train.seed = loss ? 1001 : 2002;
    if (steps > 0) train.steps = steps;
    train.resume = true;
    return train_features(train);
  });
}

}  // namespace tessera
