package engine

import (
	"strings"
	"testing"
	"time"
)

const profile = `[
{"cat":"Session","pid":1,"dur":9,"name":"model_loading_array","args":{}},
{"cat":"Node","dur":40,"name":"conv_1_kernel_time","args":{"op_name":"Conv","provider":"CPUExecutionProvider"}},
{"cat":"Node","dur":60,"name":"conv_1_kernel_time","args":{"op_name":"Conv","provider":"CPUExecutionProvider"}},
{"cat":"Node","dur":1,"name":"conv_1_fence_before","args":{"op_name":"Conv"}},
{"cat":"Node","dur":900,"name":"TRTKernel_graph_0_kernel_time","args":{"provider":"TensorrtExecutionProvider"}},
{"cat":"Node","dur":5,"name":"x_kernel_time","args":{"provider":"NewExecutionProvider"}}
]`

func TestProfile(t *testing.T) {
	shares, err := parseProfile(strings.NewReader(profile))
	want := []Share{
		{TensorRT, 1, 900 * time.Microsecond},
		{CPU, 1, 100 * time.Microsecond},
		{"NewExecutionProvider", 1, 5 * time.Microsecond},
	}
	if err != nil || len(shares) != len(want) {
		t.Fatalf("%v, %v", shares, err)
	}
	for i := range want {
		if shares[i] != want[i] {
			t.Errorf("%+v, want %+v", shares[i], want[i])
		}
	}
	for _, broken := range []string{"", "{}", "[{]", "[", `[{"dur":"x"}]`} {
		if _, err := parseProfile(strings.NewReader(broken)); err == nil {
			t.Errorf("%q was read", broken)
		}
	}
}

func TestRanOn(t *testing.T) {
	all := map[string][]Share{
		"video_stem":  {{TensorRT, 1, 5}, {CPU, 2, 1}},
		"video_mixer": {{CUDA, 3, 4}},
	}
	sum, remark, err := ranOn(TensorRT, all)
	if err != nil || remark != "video_mixer ran on cuda" || len(sum) != 3 || sum[0] != (Share{TensorRT, 1, 5}) {
		t.Errorf("%v, %q, %v", sum, remark, err)
	}
	if _, _, err := ranOn(CPU, map[string][]Share{"a": {{CUDA, 1, 1}}}); err == nil ||
		!strings.Contains(err.Error(), "a ran on cuda") {
		t.Errorf("a provider that ran nothing gives %v", err)
	}
}

func TestAGraphThatRanElsewhereDegrades(t *testing.T) {
	r := Report{Provider: TensorRT, Elsewhere: "video_mixer ran on cpu"}
	r.judge(Options{Provider: TensorRT}, true)
	if !r.Degraded || !strings.Contains(r.Reason, "video_mixer ran on cpu") {
		t.Errorf("%+v", r)
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(profile)
	f.Add(`[{"cat":"Node","name":"_kernel_time","dur":-1,"args":{"provider":"x"}}]`)
	f.Add("[[[[")
	f.Fuzz(func(t *testing.T, text string) {
		shares, err := parseProfile(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range shares {
			if s.Nodes < 1 || s.Time < 0 || s.Provider == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}
