package modeltest

import "github.com/vega-edge/vegad/models"

// build makes one graph of the contract. The salt changes the weights but not the golden inputs.
func (s Spec) build(graph string, p models.Precision, salt string) *builder {
	b := newBuilder(s.Name+"/"+graph, p)
	h, w, t := int64(s.Height/s.Stride), int64(s.Width/s.Stride), int64(s.Clip)
	switch graph {
	case models.VideoStem:
		image := b.input("image", 1, 3, int64(s.Height), int64(s.Width))
		b.reseed(salt)
		b.output("geometry", b.identity(b.relu(b.conv(image, s.Geometry, s.Stride)), s.SlowLayers))
	case models.SemanticEncoder:
		image := b.input("image", 1, 3, int64(s.Height), int64(s.Width))
		b.output("semantic", b.relu(b.conv(image, s.Semantic, s.Stride)))
	case models.VideoMixer:
		ring, times := b.input("ring", 1, t, int64(s.Geometry), h, w), b.input("times", 1, t)
		x := b.conv(b.reshape(ring, 1, t*int64(s.Geometry), h, w), s.Generative, 1)
		b.output("generative", b.relu(b.addRow(x, b.linear(times, s.Generative))))
	case models.SpatialHead:
		s.buildHead(b, h, w)
	}
	return b
}

func (s Spec) buildHead(b *builder, h, w int64) {
	generative := b.input("generative", 1, int64(s.Generative), h, w)
	var semantic value
	if s.SemanticRing {
		ring := b.input("semantic", 1, int64(s.Clip), int64(s.Semantic), h, w)
		semantic = b.reshape(ring, 1, int64(s.Clip*s.Semantic), h, w)
	} else {
		semantic = b.input("semantic", 1, int64(s.Semantic), h, w)
	}
	rays := b.input("rays", 1, int64(s.Rays), h, w)
	context := b.input("context", 1, int64(len(s.Families)))

	all := b.concat(semantic, generative, rays)
	gate := b.sigmoid(b.addRow(b.conv(all, 1, 1), b.linear(context, 1)))
	fused := b.gated(b.conv(all, s.Fused, 1), gate)
	row := b.pooled(fused)
	b.output("gate", gate)
	b.output("fused", fused)
	b.output("heat", b.sigmoid(b.conv(fused, len(s.Labels), 1)))
	b.output("box", b.conv(fused, s.Box, 1))
	b.output("box_logvar", b.conv(fused, s.BoxLogVar, 1))
	b.output("attributes", b.conv(fused, len(s.Colors), 1))
	b.output("embedding", b.conv(fused, s.Embedding, 1))
	b.output("depth", b.conv(fused, s.Depth, 1))
	b.output("ego", b.linear(row, s.Ego))
	b.output("room", b.linear(row, s.Room))
}

// reseed draws the weights that follow from another stream.
func (b *builder) reseed(salt string) {
	if salt != "" {
		b.random = newBuilder(salt, b.precision).random
	}
}
