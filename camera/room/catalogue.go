package room

import "math"

// The makers below build each kind from solids with proportions that shops sell; metres.

func makeBall(m *maker) {
	r := m.size(0.1, 0.32)
	m.blob(0, vec{0, 0, r}, vec{r, r, r})
}

func makeBed(m *maker) {
	l, w, h := m.size(1.85, 2.15), m.size(0.85, 1.85), m.size(0.3, 0.5)
	frame := m.size(0.12, 0.3)
	m.block(1, 0, 0, m.size(0, 0.1), l, w, frame)
	m.block(0, 0.02, 0, frame, l-0.1, w-0.04, h-frame+0.1)
	head := m.size(0.1, 0.5)
	m.block(1, -l/2, 0, 0, m.size(0.04, 0.1), w, h+head)
	if m.chance(0.4) {
		m.block(1, l/2, 0, 0, 0.05, w, h+m.size(0.02, 0.15))
	}
	m.t.mats = append(m.t.mats, dress(m.rng, [...]int{white, white, grey, pink}[m.rng.IntN(4)], style{}))
	pw := min(w*0.8, 0.65)
	if w > 1.3 {
		m.block(2, -l/2+0.3, w/4, h+0.1, 0.4, pw, 0.12)
		m.block(2, -l/2+0.3, -w/4, h+0.1, 0.4, pw, 0.12)
	} else {
		m.block(2, -l/2+0.3, 0, h+0.1, 0.4, pw, 0.12)
	}
	m.t.wall = true
}

func makeBin(m *maker) {
	h, r := m.size(0.28, 0.7), m.size(0.12, 0.24)
	if m.chance(0.3) {
		m.block(0, 0, 0, 0, 2*r, 1.6*r, h)
		m.block(1, 0, 0, h, 1.8*r, 1.4*r, 0.02)
		return
	}
	taper := m.size(1, 1.35)
	m.post(0, 0, 0, 0, r, h, taper)
	if m.chance(0.3) { // a domed lid; the others show a dark opening
		m.blob(1, vec{0, 0, h}, vec{r * taper * 0.97, r * taper * 0.97, 0.1})
		return
	}
	m.t.mats[1] = material{base: vec{0.01, 0.01, 0.01}}
	m.post(1, 0, 0, h-0.001, r*taper*0.88, 0.004, 1)
}

func makeBox(m *maker) {
	x, y, z := m.size(0.2, 0.7), m.size(0.2, 0.6), m.size(0.15, 0.55)
	m.block(0, 0, 0, 0, x, y, z)
	if m.chance(0.6) { // a strip of tape over the top
		m.t.mats[1].base = mix(m.t.mats[0].base, vec{0.6, 0.5, 0.35}, 0.6)
		m.block(1, 0, 0, z-0.002, x*1.002, m.size(0.04, 0.07), 0.005)
	}
}

func makeCabinet(m *maker) {
	w, d, h := m.size(0.5, 1.6), m.size(0.35, 0.62), m.size(0.6, 2.1)
	foot := m.size(0, 0.12)
	if foot < 0.03 {
		foot = 0
	} else {
		m.legs(1, d, w, foot)
	}
	m.block(0, 0, 0, foot, d, w, h-foot)
	doors := 1 + m.rng.IntN(3)
	dw := w / float64(doors)
	m.t.mats = append(m.t.mats, m.t.mats[0])
	m.t.mats[2].base = m.t.mats[0].base.scale(m.size(0.75, 1.15))
	for i := range doors {
		y := (float64(i)+0.5)*dw - w/2
		m.block(2, d/2, y, foot+0.03, 0.015, dw-0.03, h-foot-0.06)
		m.block(1, d/2+0.02, y+dw*0.38, foot+(h-foot)*0.5, 0.03, 0.02, 0.14)
	}
	if h < 1.3 {
		m.t.top = h
	}
	m.t.wall = true
}

func makeChair(m *maker) {
	w, d := m.size(0.38, 0.56), m.size(0.38, 0.54)
	seat, back := m.size(0.38, 0.5), m.size(0.32, 0.6)
	thick := m.size(0.03, 0.1)
	switch m.rng.IntN(3) {
	case 0: // one column on a cross, as in an office
		m.post(1, 0, 0, 0.06, 0.03, seat-thick-0.06, 1)
		m.block(1, 0, 0, 0, w*0.95, 0.05, 0.06)
		m.block(1, 0, 0, 0, 0.05, w*0.95, 0.06)
	default:
		m.legs(1, d, w, seat-thick)
	}
	m.block(0, 0, 0, seat-thick, d, w, thick)
	if m.chance(0.35) { // bars
		bars := 3 + m.rng.IntN(3)
		for i := range bars {
			y := (float64(i)/float64(bars-1) - 0.5) * (w - 0.04)
			m.block(0, -d/2+0.02, y, seat, 0.03, 0.035, back)
		}
		m.block(0, -d/2+0.02, 0, seat+back-0.06, 0.035, w, 0.06)
	} else {
		gap := m.size(0, 0.15)
		m.block(0, -d/2+0.025, 0, seat+gap, m.size(0.03, 0.08), w*m.size(0.8, 1), back-gap)
		if gap > 0 {
			m.block(1, -d/2+0.025, 0, seat, 0.03, w*0.5, gap)
		}
	}
	if m.chance(0.3) {
		for _, s := range [2]float64{-1, 1} {
			m.block(1, 0, s*(w/2-0.02), seat+0.18, d*0.8, 0.04, 0.03)
			m.block(1, d*0.3, s*(w/2-0.02), seat, 0.03, 0.03, 0.18)
		}
	}
}

func makeDoor(m *maker) {
	w, h := m.size(0.75, 1.05), m.size(1.95, 2.15)
	m.block(0, 0, 0, 0, 0.05, w, h)
	m.block(1, 0.01, -w/2-0.03, 0, 0.07, 0.06, h+0.06)
	m.block(1, 0.01, w/2+0.03, 0, 0.07, 0.06, h+0.06)
	m.block(1, 0.01, 0, h, 0.07, w, 0.06)
	if m.chance(0.5) { // raised panels
		m.t.mats = append(m.t.mats, m.t.mats[0])
		m.t.mats[2].base = m.t.mats[0].base.scale(0.8)
		m.block(2, 0.03, 0, 0.2, 0.012, w*0.7, h*0.35)
		m.block(2, 0.03, 0, h*0.55, 0.012, w*0.7, h*0.35)
	}
	m.t.mats = append(m.t.mats, material{base: vec{0.4, 0.38, 0.3}, gloss: 0.8})
	side := math.Copysign(w*0.42, m.rng.Float64()-0.5)
	m.block(uint8(len(m.t.mats)-1), 0.06, side, 1.0, 0.06, 0.12, 0.025)
}

func makeFridge(m *maker) {
	w, d, h := m.size(0.55, 0.8), m.size(0.55, 0.7), m.size(1.2, 1.95)
	m.t.mats[0].pattern = plain
	m.t.mats[0].gloss = m.size(0.1, 0.5)
	m.block(1, -0.02, 0, 0, d-0.04, w-0.02, h-0.01)
	split := h * m.size(0.3, 0.7)
	m.block(0, d/2-0.03, 0, 0.06, 0.06, w, split-0.07)
	m.block(0, d/2-0.03, 0, split, 0.06, w, h-split)
	m.t.mats[1].base = m.t.mats[0].base.scale(0.7)
	m.t.mats = append(m.t.mats, material{base: vec{0.25, 0.25, 0.25}, gloss: 0.8})
	side := math.Copysign(w*0.4, m.rng.Float64()-0.5)
	m.block(2, d/2+0.02, side, split-0.4, 0.03, 0.025, 0.3)
	m.block(2, d/2+0.02, side, split+0.06, 0.03, 0.025, 0.25)
	m.t.wall = true
}

func makeLamp(m *maker) {
	h := m.size(1.2, 1.85)
	r := m.size(0.15, 0.26)
	shade := m.size(0.2, 0.4)
	m.post(1, 0, 0, 0, m.size(0.12, 0.18), 0.03, 1)
	m.post(1, 0, 0, 0.03, m.size(0.012, 0.025), h-shade, 1)
	m.post(0, 0, 0, h-shade, r, shade, m.size(0.45, 1))
	if m.chance(0.5) {
		m.t.mats[0].glow = m.size(0.2, 0.7)
	}
}

func makeMonitor(m *maker) {
	w := m.size(0.45, 1.3)
	h := w * m.size(0.54, 0.62)
	rise := m.size(0.05, 0.14)
	m.t.mats[0] = dress(m.rng, m.t.color, style{})
	m.t.mats[0].pattern = plain
	m.block(0, 0, 0, rise, 0.05, w, h)
	m.t.mats[1] = material{base: vec{0.015, 0.015, 0.02}, second: vec{0.2, 0.3, 0.5}, gloss: 0.6, salt: m.rng.Uint32()}
	if m.chance(0.5) { // a picture on the screen
		m.t.mats[1].pattern, m.t.mats[1].size, m.t.mats[1].glow = patches, 0.3, m.size(0.2, 0.7)
	}
	m.block(1, 0.024, 0, rise+0.025, 0.006, w-0.05, h-0.05)
	m.block(0, 0, 0, 0.015, 0.04, 0.07, rise)
	m.block(0, 0, 0, 0, 0.18, w*0.4, 0.015)
}

func makePlant(m *maker) {
	h := m.size(0.4, 1.5)
	r := m.size(0.1, 0.2)
	pot := m.size(0.15, 0.3)
	m.post(1, 0, 0, 0, r, pot, m.size(1, 1.4))
	m.t.mats[1] = dress(m.rng, [...]int{brown, white, grey, orange, blue}[m.rng.IntN(5)], m.s)
	m.t.mats[0].pattern, m.t.mats[0].size = speckle, m.size(0.15, 0.5)
	m.t.mats[0].second = m.t.mats[0].base.scale(0.3)
	m.post(1, 0, 0, pot, 0.02, max(h*0.5-pot, 0.05), 1)
	for range 3 + m.rng.IntN(4) {
		a, s := m.rng.Float64()*2*math.Pi, m.size(0.3, 1)
		t := turnOf(a)
		k := h * 0.22 * s
		c := vec{t.c * k * 0.8, t.s * k * 0.8, h*0.72 + (m.rng.Float64()-0.5)*h*0.3}
		m.blob(0, c, vec{h * m.size(0.1, 0.22), h * m.size(0.1, 0.22), h * m.size(0.1, 0.25)})
	}
}

func makeShelf(m *maker) {
	w, d, h := m.size(0.6, 1.25), m.size(0.22, 0.4), m.size(0.9, 2.1)
	th := m.size(0.018, 0.035)
	m.block(0, 0, w/2, 0, d, th, h)
	m.block(0, 0, -w/2, 0, d, th, h)
	if m.chance(0.6) {
		m.block(0, -d/2+0.005, 0, 0, 0.01, w, h)
	}
	n := 3 + m.rng.IntN(4)
	gap := (h - th) / float64(n)
	base := uint8(len(m.t.mats))
	for range 3 {
		m.t.mats = append(m.t.mats, dress(m.rng, m.rng.IntN(len(Colors)), style{}))
	}
	for i := range n + 1 {
		z := float64(i) * gap
		m.block(0, 0, 0, z, d, w, th)
		if i == n || m.chance(0.35) { // a row of books
			continue
		}
		bw := w * m.size(0.2, 0.8)
		y := (m.rng.Float64() - 0.5) * (w - bw - th)
		m.block(base+uint8(m.rng.IntN(3)), 0, y, z+th, d*0.7, bw, gap*m.size(0.4, 0.8)-th)
	}
	m.t.wall = true
}

func makeSofa(m *maker) {
	w, d, seat := m.size(1.3, 2.4), m.size(0.75, 1.0), m.size(0.36, 0.48)
	arm, back := m.size(0.1, 0.25), m.size(0.68, 0.95)
	foot := m.size(0, 0.1)
	m.block(0, 0, 0, foot, d, w, seat-foot-0.08)
	m.block(0, -d/2+0.1, 0, foot, 0.2, w, back-foot)
	if m.chance(0.85) {
		ah := m.size(0.5, 0.65)
		m.block(0, 0, w/2-arm/2, foot, d, arm, ah-foot)
		m.block(0, 0, -w/2+arm/2, foot, d, arm, ah-foot)
	} else {
		arm = 0.02
	}
	n := 2 + m.rng.IntN(2)
	cw := (w - 2*arm) / float64(n)
	m.t.mats = append(m.t.mats, m.t.mats[0])
	m.t.mats[2].base = m.t.mats[0].base.scale(m.size(0.85, 1.15))
	for i := range n {
		y := (float64(i)+0.5)*cw - (w-2*arm)/2
		m.block(2, 0.08, y, seat-0.1, d-0.22, cw-0.02, 0.12)
	}
	if foot > 0.03 {
		m.legs(1, d, w, foot)
	}
	m.t.wall = true
}

func makeStool(m *maker) {
	h, r := m.size(0.38, 0.78), m.size(0.15, 0.22)
	th := m.size(0.03, 0.08)
	if m.chance(0.6) {
		m.post(0, 0, 0, h-th, r, th, 1)
	} else {
		m.block(0, 0, 0, h-th, 2*r, 2*r, th)
	}
	if m.chance(0.3) {
		m.post(1, 0, 0, 0, r*0.9, 0.03, 1)
		m.post(1, 0, 0, 0.03, 0.03, h-th-0.03, 1)
		return
	}
	m.legs(1, 1.5*r, 1.5*r, h-th)
}

func makeTable(m *maker) {
	l, w, h := m.size(0.7, 1.9), m.size(0.55, 1.0), m.size(0.38, 0.78)
	th := m.size(0.025, 0.06)
	m.t.top = h
	switch m.rng.IntN(4) {
	case 0: // round, on a column
		r := w * 0.6
		m.post(0, 0, 0, h-th, r, th, 1)
		m.post(1, 0, 0, 0.03, m.size(0.03, 0.08), h-th-0.03, 1)
		m.post(1, 0, 0, 0, r*0.6, 0.03, 1)
	case 1: // a desk: one side is a block of drawers
		m.block(0, 0, 0, h-th, w, l, th)
		m.block(1, 0, l/2-0.2, 0, w*0.9, 0.38, h-th)
		m.block(1, 0, -l/2+0.03, 0, w*0.9, 0.04, h-th)
	default:
		m.block(0, 0, 0, h-th, w, l, th)
		m.legs(1, w, l, h-th)
	}
}

func makeWindow(m *maker) {
	w, h := m.size(0.6, 1.9), m.size(0.7, 1.4)
	m.t.mats[0].pattern = plain
	fr := m.size(0.04, 0.08)
	m.block(0, 0, w/2, 0, 0.08, fr, h)
	m.block(0, 0, -w/2, 0, 0.08, fr, h)
	m.block(0, 0, 0, 0, 0.08, w, fr)
	m.block(0, 0, 0, h-fr, 0.08, w, fr)
	if w > 1 {
		m.block(0, 0.005, 0, fr, 0.06, fr*0.7, h-2*fr)
	}
	sky := mix(vec{0.35, 0.55, 0.9}, vec{0.85, 0.85, 0.85}, m.rng.Float64())
	m.t.mats[1] = material{
		base: sky, second: mix(sky, vec{0.25, 0.35, 0.2}, m.rng.Float64()), pattern: patches, size: m.size(0.5, 1.2),
		salt: m.rng.Uint32(), glow: m.size(0.6, 1), gloss: 0.5,
	}
	m.block(1, -0.02, 0, fr, 0.02, w-fr, h-2*fr)
}
