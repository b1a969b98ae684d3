package top

import (
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// mostFilter bounds the filter, in bytes.
const mostFilter = 100

// key does what a key says.
func (m Model) key(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if k.String() == "ctrl+c" {
		return m.quit()
	}
	if m.typing {
		return m.write(k), nil
	}
	switch name := k.String(); name {
	case "q":
		return m.quit()
	case "1", "2", "3", "4", "5", "6":
		return m.show(pane(name[0] - '1'))
	case "tab", "right", "l":
		return m.show((m.pane + 1) % numPanes)
	case "shift+tab", "left", "h":
		return m.show((m.pane + numPanes - 1) % numPanes)
	case "?":
		m.help = !m.help
	case "/":
		m.typing, m.open, m.help = true, false, false
	case "p", "space":
		m.paused = !m.paused
	case "enter":
		m.open = !m.open
	case "esc":
		if !m.open && !m.help {
			m.filter = ""
		}
		m.open, m.help = false, false
	default:
		m.move(name)
	}
	return m, nil
}

// move does what a key says that sorts or moves the cursor.
func (m *Model) move(name string) {
	rows := len(m.grid().rows)
	at := &m.cursor[m.pane]
	switch name {
	case "s":
		m.sortBy[m.pane]++
		if m.sortBy[m.pane] >= len(m.grid().columns) {
			m.sortBy[m.pane] = 0
		}
	case "S", "shift+s", "r":
		m.reverse[m.pane] = !m.reverse[m.pane]
	case "down", "j":
		*at++
	case "up", "k":
		*at--
	case "pgdown":
		*at += max(1, m.height-8)
	case "pgup":
		*at -= max(1, m.height-8)
	case "home", "g":
		*at = 0
	case "end", "G", "shift+g":
		*at = rows - 1
	}
	*at = max(0, min(*at, rows-1))
}

// write takes a key into the filter.
func (m Model) write(k tea.KeyPressMsg) Model {
	switch k.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-n]
	default:
		if len(m.filter)+len(k.Text) <= mostFilter {
			m.filter += inert(k.Text)
		}
	}
	return m
}

// show turns to a pane.
func (m Model) show(p pane) (tea.Model, tea.Cmd) {
	m.pane, m.open, m.help = p, false, false
	if p == paneContainers {
		return m.watch()
	}
	if m.unwatch != nil {
		m.unwatch()
	}
	return m, nil
}

func (m Model) quit() (tea.Model, tea.Cmd) {
	if m.unwatch != nil {
		m.unwatch()
	}
	return m, tea.Quit
}
