package modeltest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/vega-edge/vegad/models"
)

// value is a tensor of a graph under construction together with what it holds for the golden inputs.
type value struct {
	name  string
	shape []int64
	data  []float32
}

func (v value) channels() int { return int(v.shape[1]) }
func (v value) cells() int    { return int(v.shape[2] * v.shape[3]) }

// builder writes an ONNX graph and computes it at the same time in plain Go, so that the golden outputs do not come
// from the library under test.
type builder struct {
	onnx      onnxGraph
	precision models.Precision
	random    *rand.Rand
	tensors   map[string]models.Tensor // inputs and outputs by name
	inputs    map[string]bool
	used      int
}

func newBuilder(seed string, precision models.Precision) *builder {
	h := fnv.New64a()
	h.Write([]byte(seed))
	return &builder{
		precision: precision, tensors: map[string]models.Tensor{}, inputs: map[string]bool{},
		random: rand.New(rand.NewPCG(h.Sum64(), 1)),
	}
}

func (b *builder) fresh(kind string) string {
	b.used++
	return kind + "_" + strconv.Itoa(b.used)
}

// input declares an input and draws its golden value, uniform in 0..1.
func (b *builder) input(name string, shape ...int64) value {
	v := value{name: name, shape: shape, data: make([]float32, product(shape))}
	for i := range v.data {
		v.data[i] = b.random.Float32()
	}
	b.onnx.input(name, shape)
	b.inputs[name] = true
	b.tensors[name] = models.Tensor{Shape: shape, Floats: v.data}
	return v
}

// output declares x as the graph's output under a contract name.
func (b *builder) output(name string, x value) {
	b.onnx.node("Identity", []string{x.name}, name)
	b.onnx.output(name, x.shape)
	b.tensors[name] = models.Tensor{Shape: x.shape, Floats: x.data}
}

// weights draws small multiples of a power of two, so that they are exact in float16 and in int8 with that step.
func (b *builder) weights(n, fanIn int) (values []float32, step float32) {
	step = float32(math.Exp2(-5 - math.Round(math.Log2(float64(fanIn))/2)))
	values = make([]float32, n)
	for i := range values {
		values[i] = float32(b.random.IntN(65)-32) * step
	}
	return values, step
}

// conv is a convolution whose kernel equals its stride, with a bias.
func (b *builder) conv(x value, out, size int) value {
	in := x.channels()
	w, step := b.weights(out*in*size*size, in*size*size)
	bias, _ := b.weights(out, 1)
	s := int64(size)
	y := value{name: b.fresh("conv"), shape: []int64{1, int64(out), x.shape[2] / s, x.shape[3] / s}}
	y.data = convReference(x, w, bias, size, y.shape)
	b.emitConv(x, y, kernel{weights: w, step: step, bias: bias, size: s})
	return y
}

// kernel is what a convolution needs besides its input.
type kernel struct {
	weights, bias []float32
	step          float32
	size          int64
}

// emitConv writes the convolution in the builder's precision: float16 between casts, or with explicit Q/DQ.
func (b *builder) emitConv(x, y value, k kernel) {
	wShape, bShape := []int64{y.shape[1], x.shape[1], k.size, k.size}, []int64{y.shape[1]}
	attrs := []attribute{intsAttr("kernel_shape", k.size, k.size), intsAttr("strides", k.size, k.size)}
	in, w, bias := x.name, y.name+"_w", y.name+"_b"
	switch b.precision {
	case models.FP16:
		in = b.cast(x.name, typeFloat16)
		b.onnx.constant(w, typeFloat16, wShape, rawHalves(k.weights))
		b.onnx.constant(bias, typeFloat16, bShape, rawHalves(k.bias))
		b.onnx.node("Conv", []string{in, w, bias}, y.name+"_half", attrs...)
		b.onnx.node("Cast", []string{y.name + "_half"}, y.name, intAttr("to", typeFloat))
		return
	case models.INT8:
		in = b.quantized(x)
		w = b.quantizedWeights(w, wShape, k)
	default:
		b.onnx.constant(w, typeFloat, wShape, rawFloats(k.weights))
	}
	b.onnx.constant(bias, typeFloat, bShape, rawFloats(k.bias))
	b.onnx.node("Conv", []string{in, w, bias}, y.name, attrs...)
}

func (b *builder) cast(name string, to int64) string {
	out := b.fresh("cast")
	b.onnx.node("Cast", []string{name}, out, intAttr("to", to))
	return out
}

// quantized puts a symmetric Q/DQ pair behind x, calibrated on the golden values.
func (b *builder) quantized(x value) string {
	largest := float32(1e-3)
	for _, v := range x.data {
		largest = max(largest, v, -v)
	}
	q, dq, scale, zero := b.fresh("q"), b.fresh("dq"), b.fresh("scale"), b.fresh("zero")
	b.onnx.constant(scale, typeFloat, nil, rawFloats([]float32{largest / 127}))
	b.onnx.constant(zero, typeInt8, nil, []byte{0})
	b.onnx.node("QuantizeLinear", []string{x.name, scale, zero}, q)
	b.onnx.node("DequantizeLinear", []string{q, scale, zero}, dq)
	return dq
}

func (b *builder) quantizedWeights(name string, shape []int64, k kernel) string {
	raw := make([]byte, len(k.weights))
	for i, v := range k.weights {
		raw[i] = byte(int8(v / k.step))
	}
	b.onnx.constant(name, typeInt8, shape, raw)
	b.onnx.constant(name+"_step", typeFloat, nil, rawFloats([]float32{k.step}))
	b.onnx.constant(name+"_zero", typeInt8, nil, []byte{0})
	b.onnx.node("DequantizeLinear", []string{name, name + "_step", name + "_zero"}, name+"_dq")
	return name + "_dq"
}

func convReference(x value, w, bias []float32, size int, shape []int64) []float32 {
	rows, cols, width := int(shape[2]), int(shape[3]), int(x.shape[3])
	out := make([]float32, product(shape))
	for i := range out {
		o, row, col := i/(rows*cols), i/cols%rows, i%cols
		sum := float64(bias[o])
		for c := range x.channels() {
			for k := range size * size {
				pixel := (row*size+k/size)*width + col*size + k%size
				sum += float64(w[(o*x.channels()+c)*size*size+k]) * float64(x.data[c*x.cells()+pixel])
			}
		}
		out[i] = float32(sum)
	}
	return out
}

// identity appends n convolutions that change nothing: they only cost time.
func (b *builder) identity(x value, n int) value {
	c := x.channels()
	w := make([]float32, c*c)
	for i := range c {
		w[i*c+i] = 1
	}
	for range n {
		y := value{name: b.fresh("same"), shape: x.shape, data: x.data}
		b.onnx.constant(y.name+"_w", typeFloat, []int64{int64(c), int64(c), 1, 1}, rawFloats(w))
		b.onnx.node("Conv", []string{x.name, y.name + "_w"}, y.name, intsAttr("kernel_shape", 1, 1))
		x = y
	}
	return x
}

func (b *builder) relu(x value) value {
	return b.pointwise("Relu", x, func(v float32) float32 { return max(v, 0) })
}

func (b *builder) sigmoid(x value) value {
	return b.pointwise("Sigmoid", x, func(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) })
}

func (b *builder) pointwise(op string, x value, f func(float32) float32) value {
	y := value{name: b.fresh("act"), shape: x.shape, data: make([]float32, len(x.data))}
	for i, v := range x.data {
		y.data[i] = f(v)
	}
	b.onnx.node(op, []string{x.name}, y.name)
	return y
}

func (b *builder) reshape(x value, shape ...int64) value {
	y := value{name: b.fresh("shape"), shape: shape, data: x.data}
	b.onnx.constant(y.name+"_to", typeInt64, []int64{int64(len(shape))}, rawInts(shape))
	b.onnx.node("Reshape", []string{x.name, y.name + "_to"}, y.name)
	return y
}

// concat joins feature maps along their channels.
func (b *builder) concat(parts ...value) value {
	y := value{name: b.fresh("cat"), shape: []int64{1, 0, parts[0].shape[2], parts[0].shape[3]}}
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
		y.shape[1] += p.shape[1]
		y.data = append(y.data, p.data...)
	}
	b.onnx.node("Concat", names, y.name, intAttr("axis", 1))
	return y
}

// linear multiplies a row [1,n] with a matrix.
func (b *builder) linear(x value, out int) value {
	in := len(x.data)
	w, _ := b.weights(in*out, in)
	y := value{name: b.fresh("lin"), shape: []int64{1, int64(out)}, data: make([]float32, out)}
	for i, v := range x.data {
		for o := range out {
			y.data[o] += v * w[i*out+o]
		}
	}
	b.onnx.constant(y.name+"_w", typeFloat, []int64{int64(in), int64(out)}, rawFloats(w))
	b.onnx.node("MatMul", []string{x.name, y.name + "_w"}, y.name)
	return y
}

// addRow adds one number a channel, given as a row [1,C], to every cell of a feature map.
func (b *builder) addRow(x, row value) value {
	wide := b.reshape(row, 1, x.shape[1], 1, 1)
	y := value{name: b.fresh("add"), shape: x.shape, data: make([]float32, len(x.data))}
	for i, v := range x.data {
		y.data[i] = v + row.data[i/x.cells()]
	}
	b.onnx.node("Add", []string{x.name, wide.name}, y.name)
	return y
}

// gated multiplies every channel of x with the one channel of gate.
func (b *builder) gated(x, gate value) value {
	y := value{name: b.fresh("mul"), shape: x.shape, data: make([]float32, len(x.data))}
	for i, v := range x.data {
		y.data[i] = v * gate.data[i%x.cells()]
	}
	b.onnx.node("Mul", []string{x.name, gate.name}, y.name)
	return y
}

// pooled averages every channel into a row [1,C].
func (b *builder) pooled(x value) value {
	y := value{name: b.fresh("pool"), shape: []int64{1, x.shape[1], 1, 1}, data: make([]float32, x.channels())}
	for i, v := range x.data {
		y.data[i/x.cells()] += v / float32(x.cells())
	}
	b.onnx.node("GlobalAveragePool", []string{x.name}, y.name)
	return b.reshape(y, 1, x.shape[1])
}

func product(shape []int64) int {
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	return n
}
