package s3

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestALargeObjectMayTakeLong: what is read of an object may take longer than timeout
// altogether, as long as something comes within each; what stands still ends.
func TestALargeObjectMayTakeLong(t *testing.T) {
	for _, stands := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, read, stop := steady(t.Context(), time.Minute)
			defer stop()
			from, to := io.Pipe()
			go func() {
				for range 10 {
					time.Sleep(50 * time.Second)
					if _, err := to.Write([]byte("piece")); err != nil {
						return
					}
				}
				if stands {
					<-ctx.Done()
					to.CloseWithError(ctx.Err())
				}
				_ = to.Close()
			}()
			b, err := io.ReadAll(read(from))
			if len(b) != 50 || stands != (err != nil) || stands && !errors.Is(err, context.Canceled) {
				t.Errorf("stands %v: %d bytes, %v", stands, len(b), err)
			}
		})
	}
}
