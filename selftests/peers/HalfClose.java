// SPDX-License-Identifier: GPL-2.0
// A Java client that closes its half first, as many times as it is told to: says the
// request, shutdownOutput(), and reads the answer.  With "turn" (see system/closing.py) it
// waits before it closes until the server has closed: -Djava.net.preferIPv4Stack=true.
// usage: HalfClose PORT TLSv1.2|TLSv1.3 REQUEST SIZE ROUNDS
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class HalfClose {
	static class Everybody implements X509TrustManager {
		public void checkClientTrusted(X509Certificate[] chain, String type) { }
		public void checkServerTrusted(X509Certificate[] chain, String type) { }
		public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
	}

	/* Until the server's FIN is here, and so all of its answer, still unread. */
	static void awaitFin(SSLSocket s) throws Exception {
		String state = String.format(".*:%04X [0-9A-F]{8}:%04X 08 .*", s.getLocalPort(), s.getPort());

		for (int i = 0; i < 1000; i++) {
			if (Files.readAllLines(Paths.get("/proc/net/tcp")).stream().anyMatch(l -> l.matches(state)))
				return;
			Thread.sleep(10);
		}
		throw new Exception("the server does not close");
	}

	static int round(SSLSocket s, String how, int size) throws Exception {
		OutputStream out = s.getOutputStream();
		InputStream in = s.getInputStream();
		byte[] part = new byte[65536];
		int got = 0, n;

		out.write((how + " " + size + "\n").getBytes("US-ASCII"));
		if (how.equals("turn")) {
			for (int i = 0; i < 5; i++)
				in.read();
			out.write("end\n".getBytes("US-ASCII"));
			awaitFin(s);
		}
		s.shutdownOutput();
		Thread.sleep(50);	// a reset would be here
		while ((n = in.read(part)) > 0) {
			if (got == 0 && !new String(part, 0, 8, "US-ASCII").equals("0000000\n"))
				throw new Exception("not the answer");
			got += n;
		}
		return got;
	}

	public static void main(String[] arg) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		int size = Integer.parseInt(arg[3]), good = 0;

		context.init(null, new TrustManager[] { new Everybody() }, null);
		for (int i = 0; i < Integer.parseInt(arg[4]); i++) {
			try (SSLSocket s = (SSLSocket)context.getSocketFactory().createSocket("127.0.0.1",
					Integer.parseInt(arg[0]))) {
				s.setEnabledProtocols(new String[] { arg[1] });
				s.setSoTimeout(30000);
				int got = round(s, arg[2], size);
				if (got == size)
					good++;
				else
					System.out.println("round " + i + ": " + got + " bytes");
			} catch (Exception e) {
				System.out.println("round " + i + ": " + e);
			}
		}
		System.out.println(good + " whole");
	}
}
