// What experiments on gradient routing share: labels that are missing or wrong, an autoencoder
// whose decoders mirror its encoder, and the check that masks leave the forward pass alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lab/options.h"
#include "lab/trial.h"
#include "nn/layers.h"

namespace omni {

// Labels as options, and what a network is then told of each sample.
struct LabelFaults {
  double labelled = 1, label_noise = 0;

  void visit(auto&& option) {
    option("labelled", labelled,
           "share of training samples with a label; the others are not masked", between(0, 1));
    option("label_noise", label_noise, "share of labels replaced by a random other one, or part",
           between(0, 1), used_if(labelled > 0, "labelled=1"));
  }
  bool operator==(const LabelFaults&) const = default;

  // Makes the i32 array "train.<name>": of each sample of the subset "all.train", which are the
  // first of the split, its group in 0..groups-1, which may be a wrong one, and `groups` where the
  // label is missing. At random: as many of each, on any samples (a placebo). Keys: the seed's
  // "wrong labels", "missing labels" and "random masks".
  void tell(Trial& t, const std::string& name, int64_t groups,
            const std::function<int64_t(int32_t label)>& group_of, bool at_random) const;
};

// Widths of an autoencoder as an option; its graph.
struct MirrorCoder {
  std::vector<int64_t> hidden = {512, 128};

  void visit(auto&& option) {
    option("hidden", hidden, "widths of the encoder's hidden layers; decoders mirror them",
           between(1, 8192));
  }
  // x [B, features] -> [B, outputs]; parameters "encoder.layers.0.weight", ...
  Value encoder(Net& net, Value x, int64_t outputs, const LinearOptions& last = {}) const;
  // z [B, units] -> [B, features]; parameters "<name>.layers.0.weight", ...
  Value decoder(Net& net, const std::string& name, Value z, int64_t features) const;
};

// Whether a scalar of the model has the same bits with and without something, over the first so
// many samples of a subset: 1 or 0.
double unchanged_by(Trial& t, const Trained& m, const std::string& on, int64_t rows,
                    const std::function<Value(Step&, Net& net, bool with)>& scalar);

}  // namespace omni
